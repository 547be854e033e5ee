"""Paraguayan Spanish, as its first users had it."""

from tenantry_clinic.words import Words
from tenantry_clinic.words.text import split

FIRST_NAMES = split(
    """Adela Adriana Agustina Alba Alejandra Alicia Amalia Amanda Ana Andrea Ángela Antonia Araceli Aurora Beatriz Belén Blanca Camila Carla
    Carmen Carolina Catalina Cecilia Celia Clara Claudia Concepción Cristina Daniela Diana Elena Elisa Elvira Emilia Emma Esperanza
    Estela Eugenia Eva Fabiana Fátima Fernanda Florencia Gabriela Gloria Graciela Guadalupe Inés Irene Isabel Jimena Josefina Juana
    Julia Julieta Karina Laura Leticia Lidia Liliana Lorena Lourdes Lucía Luisa Magdalena Marcela Margarita María Mariana Marta Martina
    Mercedes Micaela Milagros Mirta Mónica Nadia Natalia Noelia Norma Olga Paola Patricia Paula Paz Pilar Raquel Rocío Romina Rosa Ruth
    Sandra Sara Silvia Sofía Sonia Susana Teresa Valentina Verónica Victoria Virginia Viviana Ximena Yolanda Zulma
    Adrián Agustín Alan Alberto Alejandro Alfredo Andrés Ángel Antonio Ariel Arturo Benjamín Blas Bruno Camilo Carlos César Cristian
    Daniel Darío David Derlis Diego Domingo Eduardo Elías Emilio Enrique Ernesto Esteban Fabián Facundo Federico Felipe Fernando
    Francisco Gabriel Gonzalo Guillermo Gustavo Héctor Hernán Hugo Ignacio Iván Javier Joaquín Jorge José Juan Julián Julio Leonardo
    Lisandro Lorenzo Lucas Luciano Luis Manuel Marcelo Marcos Mario Martín Mateo Matías Mauricio Maximiliano Miguel Nelson Nicolás Óscar
    Osvaldo Pablo Pedro Rafael Ramón Raúl Ricardo Roberto Rodrigo Rubén Salvador Samuel Santiago Sebastián Sergio Silvio Simón Tomás
    Vicente Víctor Walter"""
)
LAST_NAMES = split(
    """Acosta Acuña Aguilar Aguilera Alcaraz Alderete Almada Alonso Álvarez Amarilla Aquino Aranda Arce Arias Arrúa Avalos Ayala Báez
    Barreto Barrios Benítez Bogado Bordón Brítez Britos Caballero Cabañas Cabral Cáceres Cañete Cantero Cardozo Castillo Castro Centurión
    Chamorro Chávez Colmán Coronel Cristaldo Cuevas Delgado Delvalle Díaz Domínguez Duarte Enciso Escobar Espínola Esquivel Estigarribia
    Fariña Fernández Ferreira Figueredo Fleitas Flores Franco Frutos Galeano Gamarra Gaona García Garcete Giménez Godoy Gómez González
    Guerrero Gutiérrez Hermosilla Hernández Ibarra Insfrán Irala Jara Lezcano Leguizamón López Lugo Maidana Maldonado Marecos Mareco
    Marín Martínez Medina Melgarejo Mendieta Mendoza Mereles Meza Miranda Molinas Montiel Morales Morel Moreno Morínigo Núñez Ocampos
    Ojeda Orrego Ortega Ortiz Ovelar Oviedo Palacios Paredes Peralta Pereira Pérez Portillo Presentado Quintana Quiñónez Ramírez Ramos
    Recalde Ríos Riquelme Riveros Rivas Rodas Rodríguez Rojas Rolón Román Romero Ruiz Ruiz-Díaz Salinas Samaniego Samudio Sánchez
    Sanabria Santacruz Silva Silvero Sosa Talavera Torales Torres Valdez Valenzuela Vargas Vázquez Velázquez Vera Vera-Benítez Verón
    Villalba Villar Villasboa Zárate Zarza Zorrilla"""
)
CITIES = (
    "Asunción",
    "Ciudad del Este",
    "San Lorenzo",
    "Luque",
    "Capiatá",
    "Lambaré",
    "Fernando de la Mora",
    "Limpio",
    "Ñemby",
    "Encarnación",
    "Mariano Roque Alonso",
    "Pedro Juan Caballero",
    "Villa Elisa",
    "Caaguazú",
    "Coronel Oviedo",
    "Concepción",
    "Villarrica",
    "Itauguá",
    "Areguá",
    "Caacupé",
    "Hernandarias",
    "Pilar",
    "Paraguarí",
    "San Juan Bautista",
)
CLINIC_NAMES = (
    "San Roque",
    "San Francisco",
    "Santa Rosa",
    "del Centro",
    "del Lago",
    "Los Lapachos",
    "La Huella",
    "El Jazmín",
    "Patitas",
    "Amigos Fieles",
    "Cuatro Patas",
    "Mundo Animal",
    "Arca de Noé",
    "Vida Animal",
    "Ñandutí",
    "Panambí",
    "Mburucuyá",
    "Yvoty",
    "Villa Morra",
    "Las Mercedes",
    "Sajonia",
    "Buen Amigo",
    "El Refugio",
    "La Recoleta",
    "Doctor Mascota",
    "Sanimal",
    "Cerro Corá",
    "Itapúa",
    "Guaraní",
    "Porã",
)
PET_NAMES = split(
    """Luna Max Bella Rocky Coco Simba Nala Toby Lola Thor Kira Zeus Mia Bruno Canela Pelusa Negrita Chispa Manchas Rufo Duque Princesa
    Nina Milo Leo Frida Tigre Michi Garfield Oreo Copito Bigotes Salem Mora Miel Cleo Dana Lucky Boby Firulais Sultán Lassie Pancho Tito
    Pipo Kiwi Piolín Loro Paco Blanquita Panda Nube Trufa Galleta Nieve Algodón Bambi Tambor Bunny Zanahoria Bolita Maní Nuez Cacao Churro
    Mango Limón Pimienta Jengibre Olivia Maya Gala Greta India Kenia Linda Lupita Mara Olga Perla Reina Roma Sasha Sombra Tina Uma Vilma
    Ámbar Argos Balto Bandido Bronco Chocolate Colita Dexter Fiona Goku Hércules Hugo Jack Keko Laika Lobo Morgan Nerón Odín Otto Peluche
    Pirata Ringo Romeo Rayo Spike Tango Terry Yaguá Yasy"""
)
BREEDS = {
    "dog": split(
        """Mestizo, Mestizo, Mestizo, Labrador retriever, Caniche, Pastor alemán, Bulldog francés, Beagle, Chihuahua, Golden retriever,
        Boxer, Rottweiler, Dóberman, Cocker spaniel, Shih tzu, Yorkshire terrier, Salchicha, Pitbull,
        Schnauzer, Border collie, Husky siberiano""",
        ",",
    ),
    "cat": ("Común europeo", "Común europeo", "Común europeo", "Siamés", "Persa", "Maine coon", "Angora", "Bengalí", "Esfinge", "Ragdoll"),
    "bird": ("Canario", "Periquito", "Loro hablador", "Cotorra", "Ninfa", "Agapornis", "Diamante mandarín"),
    "rabbit": ("Cabeza de león", "Enano holandés", "Mini lop", "Rex", "Angora inglés", "Gigante de Flandes"),
    "hamster": ("Sirio", "Ruso", "Roborovski", "Chino"),
}
REASONS = (
    "Control anual",
    "Vacunación",
    "Desparasitación",
    "Cojera",
    "Vómitos",
    "Diarrea",
    "Falta de apetito",
    "Picazón",
    "Caída de pelo",
    "Tos",
    "Herida",
    "Control posoperatorio",
    "Limpieza dental",
    "Castración",
    "Dolor de oído",
    "Corte de uñas",
    "Sobrepeso",
    "Ojo irritado",
    "Certificado de viaje",
    "Extracción de sangre",
)
# Each diagnosis with its treatment.
CASES = (
    ("Sano, control anual", "Sin tratamiento; próximo control en doce meses"),
    ("Otitis externa", "Limpieza del conducto y gotas óticas por 7 días"),
    ("Dermatitis alérgica por pulgas", "Antiparasitario externo y prednisolona por 5 días"),
    ("Gastroenteritis aguda", "Dieta blanda, probióticos e hidratación oral"),
    ("Enfermedad periodontal", "Limpieza dental y enjuague con clorhexidina"),
    ("Obesidad", "Dieta hipocalórica y paseos diarios; control en 30 días"),
    ("Fractura de radio", "Inmovilización por seis semanas y meloxicam"),
    ("Conjuntivitis", "Gotas de tobramicina cada 8 horas por 7 días"),
    ("Traqueobronquitis infecciosa", "Doxiciclina por 10 días y reposo"),
    ("Infección urinaria", "Amoxicilina con clavulánico por 14 días"),
    ("Parasitosis intestinal", "Febantel y praziquantel; repetir en 15 días"),
    ("Displasia de cadera", "Condroprotectores y control de peso"),
    ("Herida por mordedura", "Limpieza, sutura y cefalexina por 10 días"),
    ("Anemia", "Hierro, vitamina B12 y hemograma de control"),
    ("Reacción alérgica", "Antihistamínico por 3 días y dieta de eliminación"),
    ("Insuficiencia renal crónica", "Dieta renal y fluidos subcutáneos semanales"),
    ("Diabetes mellitus", "Insulina dos veces al día y curva de glucosa"),
    ("Hipertiroidismo", "Metimazol y control de T4 en 30 días"),
    ("Absceso", "Drenaje, lavado y antibiótico por 7 días"),
    ("Sarna sarcóptica", "Ivermectina semanal por cuatro semanas"),
    ("Uña encarnada", "Corte, limpieza y antiséptico local por 5 días"),
    ("Deshidratación leve", "Fluidos subcutáneos y control en 24 horas"),
    ("Vacunación al día", "Refuerzo anual aplicado"),
    ("Castración sin complicaciones", "Collar isabelino y retiro de puntos en 10 días"),
)
NOTES = (
    "El propietario informa buen estado general.",
    "Se recomienda volver si los síntomas continúan.",
    "Paciente nervioso, se maneja con bozal.",
    "Se toma muestra para laboratorio.",
    "Buena respuesta al tratamiento anterior.",
    "Se entrega receta y folleto de cuidados.",
    "Come y bebe con normalidad.",
    "Mucosas rosadas, hidratación normal.",
    "Se agenda control telefónico.",
    "Sin alergias conocidas.",
    "Vive con otros animales en la casa.",
    "Se explica el plan de vacunas.",
)
# Name, price in dollars, minutes.
SERVICES = (
    ("Consulta general", "15.00", 30),
    ("Vacunación", "12.50", 15),
    ("Desparasitación", "8.00", 15),
    ("Castración", "85.00", 90),
    ("Limpieza dental", "60.00", 60),
    ("Ecografía", "45.00", 30),
    ("Análisis de sangre", "30.00", 15),
    ("Baño y corte", "18.00", 60),
)
PRODUCTS = (
    ("Alimento perro adulto 15 kg", "42.00"),
    ("Alimento cachorro 3 kg", "14.50"),
    ("Alimento gato adulto 7,5 kg", "31.00"),
    ("Alimento renal 2 kg", "26.90"),
    ("Pipeta antipulgas perro", "9.80"),
    ("Pipeta antipulgas gato", "8.90"),
    ("Collar antiparasitario", "24.00"),
    ("Champú hipoalergénico", "11.25"),
    ("Arena sanitaria 10 kg", "12.00"),
    ("Comprimidos antiparasitarios", "6.40"),
    ("Gotas óticas", "13.75"),
    ("Gotas oftálmicas", "12.90"),
    ("Condroprotector 60 comprimidos", "33.00"),
    ("Meloxicam suspensión", "16.20"),
    ("Collar isabelino", "7.50"),
    ("Correa de paseo", "10.00"),
    ("Transportadora mediana", "38.00"),
    ("Juguete mordillo", "5.25"),
    ("Heno para conejo 1 kg", "6.80"),
    ("Mezcla de semillas para aves", "4.90"),
)
# For each diagnosis: drug, dose, days.
PRESCRIPTIONS = (
    ("Pasta antiparasitaria oral", "1 dosis según peso", 1),
    ("Gotas óticas de gentamicina con betametasona", "4 gotas en cada oído cada 12 horas", 7),
    ("Prednisolona 5 mg", "1 comprimido cada 24 horas con comida", 5),
    ("Probiótico oral en pasta", "2 ml cada 12 horas", 5),
    ("Clorhexidina 0,12 % enjuague", "aplicar en las encías cada 12 horas", 14),
    ("Alimento hipocalórico", "ración diaria según tabla", 30),
    ("Meloxicam 1,5 mg/ml suspensión", "0,1 mg/kg cada 24 horas con comida", 10),
    ("Tobramicina 0,3 % colirio", "1 gota en cada ojo cada 8 horas", 7),
    ("Doxiciclina 100 mg", "5 mg/kg cada 12 horas", 10),
    ("Amoxicilina con ácido clavulánico 250 mg", "12,5 mg/kg cada 12 horas", 14),
    ("Febantel con praziquantel y pirantel", "1 comprimido cada 10 kg; repetir a los 15 días", 1),
    ("Condroitín sulfato con glucosamina", "1 comprimido cada 24 horas", 60),
    ("Cefalexina 500 mg", "22 mg/kg cada 12 horas", 10),
    ("Sulfato ferroso 100 mg", "1 comprimido cada 24 horas", 30),
    ("Cetirizina 10 mg", "1 mg/kg cada 24 horas", 3),
    ("Quelante de fósforo en polvo", "1 medida con cada comida", 30),
    ("Insulina NPH 40 UI/ml", "0,5 UI/kg cada 12 horas después de comer", 30),
    ("Metimazol 5 mg", "2,5 mg cada 12 horas", 30),
    ("Clindamicina 150 mg", "11 mg/kg cada 12 horas", 7),
    ("Ivermectina 1 %", "0,3 mg/kg una vez por semana", 28),
    ("Povidona yodada 10 % solución", "aplicar en la uña cada 12 horas", 5),
    ("Sales de rehidratación oral", "10 ml/kg repartidos en el día", 2),
    ("Dipirona 500 mg/ml gotas", "1 gota por kg cada 8 horas si hay fiebre", 2),
    ("Tramadol 50 mg", "2 mg/kg cada 8 horas", 3),
)

WORDS = Words(
    clinic="Clínica Veterinaria {title}",
    phone="+595 21 {line}",
    first_names=FIRST_NAMES,
    last_names=LAST_NAMES,
    cities=CITIES,
    clinic_names=CLINIC_NAMES,
    pet_names=PET_NAMES,
    breeds=BREEDS,
    reasons=REASONS,
    cases=CASES,
    prescriptions=PRESCRIPTIONS,
    notes=NOTES,
    services=SERVICES,
    products=PRODUCTS,
)
