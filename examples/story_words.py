"""The vocabulary of the story generator: who there is, what they own, where they go."""

GIRLS = ("Anna Mia Lily Rosa Nora Emma Clara Ida Zoe Ella Ruth Vera June Tilda Maya Olga Sara Greta "
         "Hana Petra").split()
BOYS = ("Tom Ben Max Leo Sam Otto Paul Finn Hugo Jack Carl Noah Ivan Oscar Pete Theo Adam Ralph Milo "
        "Victor").split()
SURNAMES = "Brown Miller Baker Winter Stone Hill Wood Fisher Green Potter".split()

# kind of person -> where that person works
ADULT_JOBS = {
    "farmer": "barn", "baker": "bakery", "teacher": "school", "fisherman": "harbour",
    "doctor": "hospital", "painter": "studio", "carpenter": "workshop", "gardener": "garden",
    "librarian": "library", "shopkeeper": "shop", "sailor": "harbour", "miller": "mill",
    "blacksmith": "forge", "postman": "station", "cook": "kitchen", "tailor": "workshop",
}
TRAITS = {
    "kind": "shared", "brave": "was not afraid", "shy": "spoke very softly", "curious": "asked many questions",
    "careful": "looked twice", "lazy": "yawned", "clever": "thought for a moment",
    "cheerful": "laughed", "patient": "waited quietly", "stubborn": "shook {his} head",
    "proud": "stood very straight", "honest": "told the truth", "forgetful": "scratched {his} head",
}
FEELINGS_GOOD = "happy glad proud relieved delighted grateful calm".split()
FEELINGS_BAD = "sad angry worried afraid tired lonely upset".split()

ANIMALS = {
    "dog": "barked", "cat": "purred", "goat": "bleated", "duck": "quacked", "horse": "neighed",
    "crow": "cawed", "frog": "croaked", "owl": "hooted", "donkey": "brayed", "hen": "clucked",
}
ANIMAL_NAMES = "Biscuit Shadow Pepper Daisy Button Rusty Clover Pip Bramble Socks".split()
# category facts that the talks are about: (plural, category, ability, inability)
FACTS = [
    ("owls", "birds", "see in the dark", "swim"), ("trout", "fish", "swim", "fly"),
    ("bees", "insects", "fly", "sing"), ("penguins", "birds", "swim", "fly"),
    ("bats", "animals", "fly", "read"), ("frogs", "animals", "jump", "talk"),
    ("ants", "insects", "carry heavy crumbs", "swim"), ("ducks", "birds", "swim and fly", "climb trees"),
    ("cats", "animals", "climb trees", "fly"), ("horses", "animals", "run fast", "climb trees"),
]

COLOURS = "red blue green yellow white black brown grey purple orange silver golden".split()
SIZES = "small big tiny huge long little".split()
THINGS = ("kite ball book key ring hat scarf lamp drum bell box cup doll map coat flute mirror basket "
          "blanket knife spoon button lantern whistle boat wagon clock umbrella necklace letter").split()
CONTAINERS = "box basket drawer cupboard bag chest jar bucket trunk barrel".split()
COUNTABLES = {
    "apple": "apples", "egg": "eggs", "coin": "coins", "cookie": "cookies", "marble": "marbles",
    "shell": "shells", "pear": "pears", "nut": "nuts", "stone": "stones", "flower": "flowers",
    "carrot": "carrots", "candle": "candles", "plum": "plums", "feather": "feathers",
}
PLACES = ("park garden forest kitchen school market library river bridge hill beach barn station "
          "village meadow lake tower mill castle island cave field church square").split()
TOOLS = {
    "roof": ("hammer", "nails"), "fence": ("saw", "boards"), "boat": ("brush", "paint"),
    "wheel": ("wrench", "bolts"), "net": ("needle", "thread"), "chair": ("screwdriver", "screws"),
    "window": ("knife", "glass"), "bridge": ("axe", "logs"),
}
WEATHERS = {
    "storm": ("the wind blew hard all night", "broke"),
    "flood": ("the water rose and rose", "damaged"),
    "snowstorm": ("the snow lay deep and heavy", "crushed"),
    "hailstorm": ("the hail fell like stones", "cracked"),
}
DISHES = {
    "soup": ("onions carrots potatoes beans salt mushrooms".split(), "pot", "stirred"),
    "cake": ("flour sugar eggs butter milk cherries".split(), "bowl", "mixed"),
    "pie": ("apples flour butter honey cinnamon plums".split(), "dish", "baked"),
    "bread": ("flour water salt seeds yeast honey".split(), "oven", "baked"),
    "salad": ("tomatoes lettuce nuts cheese oil radishes".split(), "bowl", "mixed"),
}
NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
           "fifteen sixteen seventeen eighteen nineteen twenty").split()
ORDINALS = "first second third fourth".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
TIMES = ["One morning", "One afternoon", "One evening", "Early one day", "On a cold day", "On a warm day",
         "After breakfast", "After school", "Before sunset", "In the middle of the night", "Last summer",
         "One winter day", "When the sun came up", "On a rainy day"]
LATER = ["Later", "After a while", "Soon", "Some time later", "An hour later", "The next day", "At noon",
         "In the evening", "When it was getting dark", "A little later", "Three days later"]
LESSONS = {
    "lost": ["You should always look after your things.", "Good friends help each other.",
             "What is lost can be found again."],
    "share": ["Sharing makes everyone richer.", "It is better to give than to keep.",
              "Half of something is better than all of nothing."],
    "truth": ["It is always best to tell the truth.", "A lie has short legs.",
              "Ask first, and be angry later."],
    "work": ["Many hands make light work.", "A small step is better than no step.",
             "Hard work is half of luck."],
    "race": ["Slow and steady is sometimes fast enough.", "It is not important who wins.",
             "Practice is better than talent."],
}
