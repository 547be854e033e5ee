"""English, of Great Britain."""

from tenantry_clinic.words import Words
from tenantry_clinic.words.text import split

WORDS = Words(
    clinic="{title} Veterinary Surgery",
    phone="+44 1632 {line}",
    first_names=split(
        """Abigail Alice Amelia Amy Anna Beatrice Bethany Caroline Charlotte Chloe Claire Daisy Eleanor Eliza Elizabeth Ella Ellie Emily
        Emma Erin Esme Eva Evelyn Evie Fiona Florence Freya Georgia Grace Hannah Harriet Heather Helen Imogen Isabella Isla Ivy Jane
        Jasmine Jessica Joanna Julia Kate Katherine Laura Lauren Layla Leah Lily Lucy Lydia Maisie Margaret Martha Matilda Megan Mia
        Millie Molly Natalie Niamh Nicola Nora Olivia Orla Penelope Phoebe Poppy Rachel Rebecca Rose Rosie Ruby Ruth Sarah Scarlett
        Sienna Sophia Sophie Susan Tessa Thea Victoria Violet Willow Yasmin Zara Zoe Aaron Adam Adrian Alan Albert Alexander Alfie
        Andrew Anthony Archie Arthur Benjamin Callum Cameron Charlie Christopher Connor Craig Daniel David Dominic Duncan Dylan Edward
        Elliot Ethan Evan Finley Finn Frank Frederick Freddie Gareth George Graham Harry Harvey Henry Hugh Ian Isaac Jack Jacob James
        Jamie Jason Jonathan Joseph Joshua Jude Kevin Kieran Lewis Liam Logan Louis Lucas Luke Martin Matthew Max Michael Nathan Neil
        Nicholas Noah Oliver Oscar Owen Patrick Paul Peter Philip Ralph Reuben Rhys Richard Robert Rory Rowan Ryan Samuel Scott Sean
        Simon Stanley Stephen Stuart Theo Thomas Toby Tyler William Zachary"""
    ),
    last_names=split(
        """Adams Allen Anderson Armstrong Atkinson Bailey Baker Barker Barnes Barrett Bell Bennett Berry Booth Bradley Brooks Brown
        Burton Butler Campbell Carr Carter Chambers Chapman Clark Cole Collins Cook Cooper Cox Craig Cunningham Davidson Davies Dawson
        Dean Dixon Douglas Duncan Edwards Elliott Ellis Evans Ferguson Fisher Fletcher Ford Foster Fox Fraser Gardner George Gibson
        Gill Gordon Graham Grant Gray Green Griffiths Hall Hamilton Harper Harris Harrison Hart Harvey Hawkins Henderson Hill Holmes
        Hopkins Howard Hudson Hughes Hunt Hunter Jackson James Jenkins Johnson Johnston Jones Kelly Kennedy King Knight Lane Lawrence
        Lawson Lee Lewis Lloyd Lowe Marsh Marshall Martin Mason Matthews McDonald Miller Mills Mitchell Moore Morgan Morris Morrison
        Murphy Murray Newman Nicholson O'Brien O'Connor Owen Palmer Parker Parsons Patel Payne Pearce Pearson Perry Phillips Poole
        Porter Powell Price Reid Reynolds Richards Richardson Roberts Robertson Robinson Rogers Rose Ross Russell Ryan Saunders Scott
        Shaw Simpson Singh Smith Spencer Stevens Stewart Stone Sutton Taylor Thomas Thompson Thomson Turner Wade Walker Wallace Walsh
        Ward Watson Watts Webb Webster Wells West White Wilkinson Williams Wilson Wood Woods Wright Young"""
    ),
    cities=split(
        """London, Birmingham, Leeds, Glasgow, Sheffield, Bradford, Liverpool, Edinburgh, Manchester, Bristol, Cardiff, Leicester,
        Coventry, Nottingham, Newcastle upon Tyne, Sunderland, Brighton, Hull, Plymouth, Wolverhampton, Derby, Swansea, Southampton,
        Aberdeen, Dundee, Norwich, Exeter, York, Bath, Cambridge, Oxford, Reading""",
        ",",
    ),
    clinic_names=split(
        """Oakfield, Riverside, Hillside, Abbey, Castle, Park Lane, Church Street, Station Road, Meadow View, The Old Forge, Kingfisher,
        Willow Tree, Rosewood, Beech House, Priory, Market Square, Greenacre, Fourpaws, Best Friends, Companions, Tail End, Whiskers,
        Ark House, Noah's, St Francis, Two Rivers, Brookside, Highfield, Orchard, Mill House""",
        ",",
    ),
    pet_names=split(
        """Alfie Angus Archie Arlo Bailey Barney Basil Bear Bella Benji Betsy Biscuit Bonnie Bruno Buddy Buster Button Casper Charlie
        Chester Cleo Coco Cookie Cooper Daisy Dexter Dolly Duke Ellie Felix Finn Flora Freddie George Ginger Gizmo Harley Hazel Henry
        Holly Honey Hugo Jack Jasper Jess Lady Lola Lottie Lucky Luna Mabel Maggie Marley Max Maisie Mia Milly Milo Minnie Misty Molly
        Monty Mouse Nala Nelson Ollie Oreo Oscar Otis Patch Peanut Pebbles Penny Pepper Percy Pip Pixie Poppy Prince Purdey Reggie Rex
        Rolo Rosie Roxy Ruby Rusty Sammy Sasha Scout Shadow Simba Skye Smokey Smudge Socks Sooty Sox Stanley Teddy Tess Tiger Tilly
        Toby Toffee Tommy Treacle Willow Winnie Winston Ziggy"""
    ),
    breeds={
        "dog": split(
            """Mixed breed, Mixed breed, Mixed breed, Labrador retriever, Cocker spaniel, French bulldog, Border terrier, Jack Russell
            terrier, Staffordshire bull terrier, German shepherd, Golden retriever, Cavalier King Charles spaniel, Whippet, Border
            collie, Beagle, Cockapoo, Miniature schnauzer, Dachshund, Springer spaniel, Shih tzu, West Highland terrier, Greyhound""",
            ",",
        ),
        "cat": split(
            """Domestic shorthair, Domestic shorthair, Domestic shorthair, Domestic longhair, British shorthair, Maine coon, Siamese,
            Bengal, Persian, Ragdoll, Burmese, Sphynx""",
            ",",
        ),
        "bird": split("Canary, Budgerigar, Cockatiel, African grey parrot, Lovebird, Zebra finch, Conure", ","),
        "rabbit": split("Lionhead, Netherland dwarf, Mini lop, Rex, English angora, Flemish giant", ","),
        "hamster": split("Syrian, Winter white, Roborovski, Chinese", ","),
    },
    reasons=split(
        """Annual check-up, Vaccination, Worming, Limping, Vomiting, Diarrhoea, Not eating, Itching, Hair loss, Coughing, Wound,
        Post-operative check, Dental cleaning, Neutering, Sore ear, Nail clipping, Weight check, Sore eye, Travel certificate, Blood
        test""",
        ",",
    ),
    cases=(
        ("Healthy, annual check-up", "No treatment; next check-up in twelve months"),
        ("Otitis externa", "Ear canal cleaned; ear drops for 7 days"),
        ("Flea allergy dermatitis", "Spot-on flea treatment and prednisolone for 5 days"),
        ("Acute gastroenteritis", "Bland diet, probiotics and oral fluids"),
        ("Periodontal disease", "Scale and polish; chlorhexidine rinse"),
        ("Obesity", "Weight-loss diet and daily walks; weigh again in 30 days"),
        ("Fractured radius", "Splinted for six weeks; meloxicam"),
        ("Conjunctivitis", "Tobramycin eye drops every 8 hours for 7 days"),
        ("Kennel cough", "Doxycycline for 10 days and rest"),
        ("Urinary tract infection", "Amoxicillin with clavulanic acid for 14 days"),
        ("Intestinal worms", "Febantel and praziquantel; repeat in 15 days"),
        ("Hip dysplasia", "Joint supplement and weight control"),
        ("Bite wound", "Cleaned and sutured; cefalexin for 10 days"),
        ("Anaemia", "Iron and vitamin B12; repeat blood count"),
        ("Allergic reaction", "Antihistamine for 3 days and elimination diet"),
        ("Chronic kidney disease", "Renal diet and weekly subcutaneous fluids"),
        ("Diabetes mellitus", "Insulin twice a day; glucose curve"),
        ("Hyperthyroidism", "Thiamazole; T4 again in 30 days"),
        ("Abscess", "Drained and flushed; antibiotic for 7 days"),
        ("Sarcoptic mange", "Ivermectin once a week for four weeks"),
        ("Ingrown nail", "Clipped; local antiseptic for 5 days"),
        ("Mild dehydration", "Subcutaneous fluids; check again in 24 hours"),
        ("Vaccinations up to date", "Annual booster given"),
        ("Neutered without complications", "Buster collar; sutures out in 10 days"),
    ),
    prescriptions=(
        ("Oral worming paste", "one dose by weight", 1),
        ("Gentamicin and betamethasone ear drops", "4 drops in each ear every 12 hours", 7),
        ("Prednisolone 5 mg", "1 tablet every 24 hours with food", 5),
        ("Probiotic oral paste", "2 ml every 12 hours", 5),
        ("Chlorhexidine 0.12 % oral rinse", "apply to the gums every 12 hours", 14),
        ("Weight-loss food", "daily ration as in the table", 30),
        ("Meloxicam 1.5 mg/ml suspension", "0.1 mg/kg every 24 hours with food", 10),
        ("Tobramycin 0.3 % eye drops", "1 drop in each eye every 8 hours", 7),
        ("Doxycycline 100 mg", "5 mg/kg every 12 hours", 10),
        ("Amoxicillin and clavulanic acid 250 mg", "12.5 mg/kg every 12 hours", 14),
        ("Febantel, praziquantel and pyrantel", "1 tablet for each 10 kg; repeat after 15 days", 1),
        ("Chondroitin and glucosamine", "1 tablet every 24 hours", 60),
        ("Cefalexin 500 mg", "22 mg/kg every 12 hours", 10),
        ("Ferrous sulphate 100 mg", "1 tablet every 24 hours", 30),
        ("Cetirizine 10 mg", "1 mg/kg every 24 hours", 3),
        ("Phosphate binder powder", "1 scoop with each meal", 30),
        ("Insulin lente 40 IU/ml", "0.5 IU/kg every 12 hours after meals", 30),
        ("Thiamazole 5 mg", "2.5 mg every 12 hours", 30),
        ("Clindamycin 150 mg", "11 mg/kg every 12 hours", 7),
        ("Ivermectin 1 %", "0.3 mg/kg once a week", 28),
        ("Povidone iodine 10 % solution", "apply to the nail every 12 hours", 5),
        ("Oral rehydration salts", "10 ml/kg over the day", 2),
        ("Metamizole 500 mg/ml drops", "1 drop per kg every 8 hours if there is fever", 2),
        ("Tramadol 50 mg", "2 mg/kg every 8 hours", 3),
    ),
    notes=(
        "The owner reports good general health.",
        "To come back if the signs persist.",
        "Nervous patient, handled with a muzzle.",
        "Sample taken for the laboratory.",
        "Responded well to the last treatment.",
        "Prescription and care leaflet given.",
        "Eating and drinking normally.",
        "Pink mucous membranes, well hydrated.",
        "Follow-up call arranged.",
        "No known allergies.",
        "Lives with other animals.",
        "Vaccination plan explained.",
    ),
    services=(
        ("Consultation", "15.00", 30),
        ("Vaccination", "12.50", 15),
        ("Worming", "8.00", 15),
        ("Neutering", "85.00", 90),
        ("Dental cleaning", "60.00", 60),
        ("Ultrasound scan", "45.00", 30),
        ("Blood test", "30.00", 15),
        ("Bath and trim", "18.00", 60),
    ),
    products=(
        ("Adult dog food 15 kg", "42.00"),
        ("Puppy food 3 kg", "14.50"),
        ("Adult cat food 7.5 kg", "31.00"),
        ("Renal diet 2 kg", "26.90"),
        ("Flea spot-on for dogs", "9.80"),
        ("Flea spot-on for cats", "8.90"),
        ("Flea and tick collar", "24.00"),
        ("Hypoallergenic shampoo", "11.25"),
        ("Cat litter 10 kg", "12.00"),
        ("Worming tablets", "6.40"),
        ("Ear drops", "13.75"),
        ("Eye drops", "12.90"),
        ("Joint supplement, 60 tablets", "33.00"),
        ("Meloxicam suspension", "16.20"),
        ("Buster collar", "7.50"),
        ("Lead", "10.00"),
        ("Carrier, medium", "38.00"),
        ("Chew toy", "5.25"),
        ("Rabbit hay 1 kg", "6.80"),
        ("Bird seed mix", "4.90"),
    ),
)
