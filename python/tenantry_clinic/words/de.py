"""German, of Germany."""

from tenantry_clinic.words import Words
from tenantry_clinic.words.text import split

WORDS = Words(
    clinic="Tierarztpraxis {title}",
    phone="+49 30 {line}",
    first_names=split(
        """Alina Amelie Andrea Angelika Anja Anke Anna Annika Antje Astrid Barbara Beate Bettina Birgit Britta Carla Carolin Charlotte
        Christa Christina Claudia Clara Cornelia Dagmar Daniela Doris Edith Elena Elisabeth Elke Ella Emilia Emma Erika Eva Franziska
        Frieda Gabriele Gerda Gisela Greta Hanna Heike Helga Ida Ilse Ines Ingrid Isabell Jana Jasmin Johanna Julia Jutta Karin
        Katharina Katja Kerstin Lara Laura Lea Lena Leonie Lina Linda Lisa Lotte Luisa Maja Manuela Maria Marie Marlene Martina
        Mathilda Melanie Mia Michaela Miriam Monika Nadine Nele Nicole Nina Paula Petra Pia Renate Ronja Rosa Sabine Sandra Sarah
        Silke Simone Sofia Sonja Sophie Stefanie Susanne Svenja Tanja Theresa Ulrike Ursula Ute Vanessa Verena Wiebke Yvonne Achim
        Alexander Andreas Anton Armin Arne Ben Benedikt Benjamin Bernd Bernhard Björn Bruno Carsten Christian Christoph Claus Daniel
        David Dennis Dieter Dirk Dominik Elias Emil Erik Erwin Fabian Felix Finn Florian Frank Frederik Friedrich Fritz Georg Gerhard
        Günter Hannes Hans Harald Heiko Heinrich Heinz Helmut Henning Henri Herbert Holger Horst Ingo Jakob Jan Jens Joachim Johannes
        Jonas Jörg Jürgen Justus Kai Karl Karsten Klaus Konrad Lars Leon Leopold Linus Lorenz Ludwig Luis Lukas Manfred Marcel Marco
        Markus Martin Matthias Max Michael Moritz Nico Niklas Nils Noah Norbert Ole Oliver Oskar Otto Paul Peter Philipp Rainer Ralf
        Reinhard Robert Rolf Rüdiger Sebastian Simon Stefan Sven Theo Thomas Thorsten Till Tim Tobias Tom Udo Ulrich Uwe Volker Walter
        Werner Wolfgang"""
    ),
    last_names=split(
        """Adler Albrecht Bachmann Behrens Blum Brinkmann Decker Ebert Eckert Fiedler Gerlach Hein Kirchner Kunze Lenz Martens Mohr Nowak
        Petersen Reinhardt Ritter Sander Stark Steiner Urban Wendt Wenzel Arnold Bauer Baumann Beck Becker Berger Bergmann Beyer Böhm
        Brandt Braun Busch Dietrich Engel Ernst Fischer Förster Frank Franke Friedrich Fuchs Geiger Graf Groß Günther Haas Hahn
        Hartmann Heinrich Herrmann Hoffmann Hofmann Horn Huber Jäger Jahn Jansen Jung Kaiser Keller Klein Koch Köhler König Kraft
        Kramer Krämer Kraus Krause Krüger Kuhn Kühn Lang Lange Lehmann Lindner Lorenz Ludwig Maier Martin Mayer Meier Meyer Möller
        Müller Neumann Otto Peters Pfeiffer Pohl Richter Roth Sauer Schäfer Schmid Schmidt Schmitt Schmitz Schneider Scholz Schreiber
        Schröder Schubert Schulte Schulz Schulze Schumacher Schuster Schwarz Seidel Simon Sommer Stein Thomas Vogel Vogt Voigt Wagner
        Walter Weber Weiß Werner Winkler Winter Wolf Wolff Ziegler Zimmermann"""
    ),
    cities=split(
        """Berlin, Hamburg, München, Köln, Frankfurt am Main, Stuttgart, Düsseldorf, Leipzig, Dortmund, Essen, Bremen, Dresden, Hannover,
        Nürnberg, Duisburg, Bochum, Wuppertal, Bielefeld, Bonn, Münster, Mannheim, Karlsruhe, Augsburg, Wiesbaden, Kiel, Halle
        (Saale), Magdeburg, Freiburg im Breisgau, Erfurt, Rostock, Kassel, Potsdam""",
        ",",
    ),
    clinic_names=split(
        """am Markt, am Park, am Rathaus, an der Mühle, am Bahnhof, am Stadtwald, an der Linde, im Grünen, am See, am Kanal, Nordstadt,
        Südstadt, Altstadt, Lindenhof, Rosenhof, Birkenweg, Sonnenhang, Pfotenhof, Vier Pfoten, Samtpfote, Tierfreund, Arche,
        Fellnase, St. Franziskus, am Schlossberg, Bergstraße, Kastanienallee, Waldeck, Rheinblick, Heidehof""",
        ",",
    ),
    pet_names=split(
        """Akira Amy Anton Balou Bärchen Bella Benny Bruno Buddy Charly Cleo Coco Elvis Emma Felix Filou Finn Flocke Fritz Frieda Gismo
        Gina Hanni Heidi Henry Hexe Ida Joschi Karlo Kira Klopfer Krümel Lady Laika Leo Lilly Lola Lotte Lucky Luna Maja Max Maxi
        Mausi Mia Micky Mimi Minka Mira Mogli Momo Mona Moritz Muffin Murmel Nala Nelly Nero Nina Oskar Otto Pablo Paula Paulchen
        Peppi Pina Poldi Pünktchen Quax Rex Rocky Romeo Rosi Rudi Rusty Sally Sammy Schnuffel Schnurri Senta Shadow Simba Sissi Snoopy
        Socke Stupsi Susi Tapsi Tequila Theo Tiger Timmy Tinka Toffee Tommy Trixi Trudi Waldi Wilma Willi Wuschel Xena Zorro"""
    ),
    breeds={
        "dog": split(
            """Mischling, Mischling, Mischling, Labrador Retriever, Deutscher Schäferhund, Golden Retriever, Französische Bulldogge,
            Dackel, Pudel, Jack Russell Terrier, Yorkshire Terrier, Chihuahua, Border Collie, Australian Shepherd, Boxer, Beagle,
            Rottweiler, Zwergschnauzer, Mops, Cocker Spaniel, Berner Sennenhund, Malteser""",
            ",",
        ),
        "cat": split(
            """Europäisch Kurzhaar, Europäisch Kurzhaar, Europäisch Kurzhaar, Britisch Kurzhaar, Maine Coon, Norwegische Waldkatze,
            Perser, Siam, Bengal, Ragdoll, Heilige Birma, Sphynx""",
            ",",
        ),
        "bird": split("Kanarienvogel, Wellensittich, Nymphensittich, Graupapagei, Rosenköpfchen, Zebrafink, Sperlingspapagei", ","),
        "rabbit": split("Löwenkopf, Farbenzwerg, Zwergwidder, Rex, Angora, Deutscher Riese", ","),
        "hamster": split("Goldhamster, Dsungarischer Zwerghamster, Roborowski-Zwerghamster, Chinesischer Streifenhamster", ","),
    },
    reasons=split(
        """Jährliche Untersuchung, Impfung, Entwurmung, Lahmheit, Erbrechen, Durchfall, Appetitlosigkeit, Juckreiz, Haarausfall, Husten,
        Wunde, Nachkontrolle, Zahnreinigung, Kastration, Ohrenschmerzen, Krallen schneiden, Übergewicht, Gerötetes Auge, Reisepass,
        Blutabnahme""",
        ",",
    ),
    cases=(
        ("Gesund, jährliche Untersuchung", "Keine Behandlung; nächste Kontrolle in zwölf Monaten"),
        ("Otitis externa", "Gehörgang gereinigt; Ohrentropfen für 7 Tage"),
        ("Flohspeichelallergie", "Spot-on gegen Flöhe und Prednisolon für 5 Tage"),
        ("Akute Gastroenteritis", "Schonkost, Probiotika und Flüssigkeit"),
        ("Parodontose", "Zahnreinigung und Spülung mit Chlorhexidin"),
        ("Übergewicht", "Diätfutter und tägliche Bewegung; Kontrolle in 30 Tagen"),
        ("Radiusfraktur", "Ruhigstellung für sechs Wochen und Meloxicam"),
        ("Konjunktivitis", "Tobramycin-Augentropfen alle 8 Stunden für 7 Tage"),
        ("Zwingerhusten", "Doxycyclin für 10 Tage und Schonung"),
        ("Harnwegsinfektion", "Amoxicillin mit Clavulansäure für 14 Tage"),
        ("Darmparasiten", "Febantel und Praziquantel; nach 15 Tagen wiederholen"),
        ("Hüftdysplasie", "Gelenkpräparat und Gewichtskontrolle"),
        ("Bissverletzung", "Gereinigt und genäht; Cefalexin für 10 Tage"),
        ("Anämie", "Eisen und Vitamin B12; Kontrolle des Blutbilds"),
        ("Allergische Reaktion", "Antihistaminikum für 3 Tage und Ausschlussdiät"),
        ("Chronische Niereninsuffizienz", "Nierendiät und wöchentliche Infusionen unter die Haut"),
        ("Diabetes mellitus", "Insulin zweimal täglich und Glukosekurve"),
        ("Hyperthyreose", "Thiamazol; Kontrolle des T4 in 30 Tagen"),
        ("Abszess", "Gespalten und gespült; Antibiotikum für 7 Tage"),
        ("Sarkoptesräude", "Ivermectin wöchentlich über vier Wochen"),
        ("Eingewachsene Kralle", "Gekürzt; örtliches Antiseptikum für 5 Tage"),
        ("Leichte Dehydratation", "Infusion unter die Haut; Kontrolle nach 24 Stunden"),
        ("Impfschutz vollständig", "Jährliche Auffrischung gegeben"),
        ("Kastration ohne Komplikationen", "Halskragen; Fäden ziehen nach 10 Tagen"),
    ),
    prescriptions=(
        ("Wurmpaste zum Eingeben", "eine Dosis nach Gewicht", 1),
        ("Ohrentropfen mit Gentamicin und Betamethason", "4 Tropfen in jedes Ohr alle 12 Stunden", 7),
        ("Prednisolon 5 mg", "1 Tablette alle 24 Stunden mit dem Futter", 5),
        ("Probiotische Paste", "2 ml alle 12 Stunden", 5),
        ("Chlorhexidin 0,12 % Mundspülung", "alle 12 Stunden auf das Zahnfleisch", 14),
        ("Diätfutter zur Gewichtsabnahme", "Tagesration nach Tabelle", 30),
        ("Meloxicam 1,5 mg/ml Suspension", "0,1 mg/kg alle 24 Stunden mit dem Futter", 10),
        ("Tobramycin 0,3 % Augentropfen", "1 Tropfen in jedes Auge alle 8 Stunden", 7),
        ("Doxycyclin 100 mg", "5 mg/kg alle 12 Stunden", 10),
        ("Amoxicillin mit Clavulansäure 250 mg", "12,5 mg/kg alle 12 Stunden", 14),
        ("Febantel mit Praziquantel und Pyrantel", "1 Tablette je 10 kg; nach 15 Tagen wiederholen", 1),
        ("Chondroitin mit Glucosamin", "1 Tablette alle 24 Stunden", 60),
        ("Cefalexin 500 mg", "22 mg/kg alle 12 Stunden", 10),
        ("Eisensulfat 100 mg", "1 Tablette alle 24 Stunden", 30),
        ("Cetirizin 10 mg", "1 mg/kg alle 24 Stunden", 3),
        ("Phosphatbinder als Pulver", "1 Messlöffel zu jeder Mahlzeit", 30),
        ("Insulin Lente 40 IE/ml", "0,5 IE/kg alle 12 Stunden nach dem Fressen", 30),
        ("Thiamazol 5 mg", "2,5 mg alle 12 Stunden", 30),
        ("Clindamycin 150 mg", "11 mg/kg alle 12 Stunden", 7),
        ("Ivermectin 1 %", "0,3 mg/kg einmal in der Woche", 28),
        ("Povidon-Iod 10 % Lösung", "alle 12 Stunden auf die Kralle", 5),
        ("Orale Rehydratationslösung", "10 ml/kg über den Tag verteilt", 2),
        ("Metamizol 500 mg/ml Tropfen", "1 Tropfen je kg alle 8 Stunden bei Fieber", 2),
        ("Tramadol 50 mg", "2 mg/kg alle 8 Stunden", 3),
    ),
    notes=(
        "Halter berichtet guten Allgemeinzustand.",
        "Wiedervorstellung, falls die Beschwerden anhalten.",
        "Nervöser Patient, Behandlung mit Maulkorb.",
        "Probe für das Labor genommen.",
        "Auf die letzte Behandlung gut angesprochen.",
        "Rezept und Merkblatt mitgegeben.",
        "Frisst und trinkt normal.",
        "Schleimhäute rosa, gut hydriert.",
        "Telefonische Nachfrage vereinbart.",
        "Keine Allergien bekannt.",
        "Lebt mit anderen Tieren zusammen.",
        "Impfplan erklärt.",
    ),
    services=(
        ("Allgemeine Untersuchung", "15.00", 30),
        ("Impfung", "12.50", 15),
        ("Entwurmung", "8.00", 15),
        ("Kastration", "85.00", 90),
        ("Zahnreinigung", "60.00", 60),
        ("Ultraschall", "45.00", 30),
        ("Blutuntersuchung", "30.00", 15),
        ("Baden und Scheren", "18.00", 60),
    ),
    products=(
        ("Hundefutter Adult 15 kg", "42.00"),
        ("Welpenfutter 3 kg", "14.50"),
        ("Katzenfutter Adult 7,5 kg", "31.00"),
        ("Nierendiät 2 kg", "26.90"),
        ("Spot-on gegen Flöhe, Hund", "9.80"),
        ("Spot-on gegen Flöhe, Katze", "8.90"),
        ("Zeckenhalsband", "24.00"),
        ("Hypoallergenes Shampoo", "11.25"),
        ("Katzenstreu 10 kg", "12.00"),
        ("Entwurmungstabletten", "6.40"),
        ("Ohrentropfen", "13.75"),
        ("Augentropfen", "12.90"),
        ("Gelenktabletten, 60 Stück", "33.00"),
        ("Meloxicam-Suspension", "16.20"),
        ("Halskragen", "7.50"),
        ("Leine", "10.00"),
        ("Transportbox, mittel", "38.00"),
        ("Kauspielzeug", "5.25"),
        ("Kaninchenheu 1 kg", "6.80"),
        ("Körnermischung für Vögel", "4.90"),
    ),
)
