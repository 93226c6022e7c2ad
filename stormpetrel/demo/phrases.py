"""What people write on the demo's flood night, by language. `{place}`, `{street}`, `{hour}`, `{n}` are filled in."""

FLOOD = {
    "it": [
        "Alluvione a {place}: acqua alta {n} cm in {street}, restate in casa #allertameteo",
        "Il torrente è esondato a {place}, {street} è completamente sott'acqua",
        "{place}, {hour}: auto trascinate via dalla piena in {street}, servono soccorsi",
        "Scantinati allagati a {place}, i vigili del fuoco hanno salvato {n} persone",
        "Piove da ore a {place}, il fiume ha superato il livello di guardia di {n} cm",
        "Siamo bloccati al primo piano in {street} a {place}, l'acqua sale ancora",
    ],
    "en": [
        "Flash flood in {place}: {street} is under {n} cm of water, stay indoors",
        "River burst its banks in {place} at {hour}, people are trapped in {street}",
        "Firefighters rescued {n} people from flooded cellars in {place}",
        "Cars swept away by the flood in {street}, {place}. We need help",
        "Water still rising in {place}, {n} cm above the alert level at {hour}",
    ],
    "es": [
        "Inundación en {place}: el agua llega a {n} cm en {street}, no salgan de casa",
        "El río se ha desbordado en {place}, {street} está completamente inundada",
        "Los bomberos rescatan a {n} personas en {place} por las inundaciones",
    ],
    "fr": [
        "Inondations à {place}: {n} cm d'eau dans {street}, évitez les déplacements",
        "La rivière est sortie de son lit à {place}, des habitants sont bloqués {street}",
    ],
    "de": [
        "Hochwasser in {place}: {street} steht {n} cm unter Wasser, bitte zu Hause bleiben",
        "Die Feuerwehr rettet {n} Menschen aus überfluteten Kellern in {place}",
    ],
}
NOISE = {
    "it": [
        "Che partita stasera a {place}, {n} gol e stadio pieno!",
        "La ricetta della nonna: focaccia con {n} grammi di olio, provatela",
        "Nuovo museo aperto a {place}, biglietti a {n} euro fino a domenica",
        "Ascolto il disco nuovo da {n} giorni, bellissimo",
    ],
    "en": [
        "My inbox is flooded with {n} emails again, what a Monday",
        "Great concert in {place} tonight, {n} songs and not a weak one",
        "Selling my bike, {n} euros, pick up in {place}",
        "Reading a book on the history of {place}, page {n} already",
    ],
    "es": ["Qué buen partido en {place}, {n} goles y mucha emoción", "Vendo bicicleta en {place} por {n} euros"],
    "fr": ["Très beau concert à {place} ce soir, {n} musiciens sur scène", "Marché de Noël à {place}, {n} stands"],
    "de": ["Tolles Konzert in {place}, {n} Lieder und kein schwaches", "Verkaufe Fahrrad in {place} für {n} Euro"],
}
STREETS = [
    "via Fereggiano",
    "via XX Settembre",
    "corso Sardegna",
    "piazza della Vittoria",
    "via Canevari",
    "corso Galliera",
    "via Bobbio",
    "piazza Martinez",
    "via Tolemaide",
    "via Archimede",
    "via Casaregis",
    "corso Torino",
]
# Where it floods: name by language where people write another one, and the point (longitude, latitude).
FLOODED = {
    "Genova": ({"en": "Genoa", "es": "Génova", "fr": "Gênes", "de": "Genua", "it": "Genova"}, (8.934, 44.407)),
    "Savona": ({}, (8.481, 44.307)),
    "Rapallo": ({}, (9.233, 44.350)),
    "Chiavari": ({}, (9.322, 44.317)),
}
ELSEWHERE = [
    "Torino",
    "Milano",
    "Bologna",
    "Marseille",
    "Barcelona",
    "Hamburg",
    "Lyon",
    "Madrid",
    "Manchester",
    "Napoli",
]
