#!/usr/bin/env python3
"""Seeded story generator: the text that the demo model learns and that `linscan analyze` reads by default.

Every story is acted out in a small world (who is where, who holds what, how many are left, who knows it), so
that later words depend on earlier ones: names and pronouns, colours of things, hiding places, sums, who said
what to whom, who came first. Story number i of a split depends on (seed, split, i) only.

    python3 examples/make_corpus.py --split held-out --stories 5
"""
import argparse
import gzip
import json
import random
import sys

import story_words as w


class Person:
    """A character: name, pronouns, and the traits that the story may come back to."""

    def __init__(self, rng, name, female, trait, job=None):
        self.name, self.female, self.trait, self.job = name, female, trait, job
        self.he, self.him, self.his = ("she", "her", "her") if female else ("he", "him", "his")
        self.child = "girl" if female else "boy"
        self.holds = []
        self.habit = w.TRAITS[trait].format(his=self.his)
        self.age = rng.randint(5, 12)

    @property
    def kind(self):
        return self.job or self.child


class Thing:
    """An object with a colour or size by which it is recognised again."""

    def __init__(self, noun, adjective):
        self.noun, self.adjective = noun, adjective

    def __str__(self):
        return f"{self.adjective} {self.noun}"


def article(text):
    return ("an " if text[0] in "aeiou" or text.startswith("honest") else "a ") + text


def upper(text):
    return text[0].upper() + text[1:]


def listing(items):
    items = list(items)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def count(number, singular, plural):
    return f"{w.NUMBERS[number]} {singular if number == 1 else plural}" if number else f"no {plural}"


class Story:
    """One story: the cast, the sentences so far and the choices all story types share."""

    def __init__(self, rng, nested=False):
        self.rng, self.nested = rng, nested
        self.paragraphs, self.sentences = [], []
        names = rng.sample([(n, True) for n in w.GIRLS] + [(n, False) for n in w.BOYS], 6)
        traits = rng.sample(sorted(w.TRAITS), 6)
        self.cast = [Person(rng, n, f, t) for (n, f), t in zip(names, traits)]
        self.places = rng.sample(w.PLACES, 6)
        self.day = rng.choice(w.DAYS)

    # --- small choices
    def pick(self, *options):
        return self.rng.choice(options)

    def chance(self, p):
        return self.rng.random() < p

    def say(self, *options):
        text = self.pick(*options)
        self.sentences.append(upper(text))

    def paragraph(self):
        if self.sentences:
            self.paragraphs.append(" ".join(self.sentences))
            self.sentences = []

    def text(self):
        self.paragraph()
        return "\n".join(self.paragraphs)

    def thing(self, avoid=None):
        noun = self.pick(*[n for n in w.THINGS if n != avoid])
        return Thing(noun, self.pick(*(w.COLOURS if self.chance(0.75) else w.SIZES)))

    def adult(self, index):
        person = self.cast[index]
        person.job = self.rng.choice(sorted(w.ADULT_JOBS))
        return person

    def speak(self, speaker, words, verb="said"):
        """Direct speech in one of its orders; `words` carries its own end mark."""
        manner = self.pick("", "", "", " softly", " loudly", " with a smile", " after a while")
        if words.endswith("."):
            inner = words[:-1] + ","
        else:
            inner = words
        return self.pick(f'"{inner}" {verb} {speaker.name}{manner}.',
                         f'"{inner}" {speaker.name} {verb}{manner}.',
                         f'{speaker.name} {verb}{manner}, "{words}"')

    def introduce(self, person, place):
        """Who the story is about. The trait and the age are used again later."""
        if person.job:
            self.say(f"{person.name} was {article(person.trait)} {person.job} who lived near the {place}.",
                     f"There was {article(person.trait)} {person.job} called {person.name}.",
                     f"Near the {place} lived {article(person.job)} named {person.name}, who was very {person.trait}.")
        else:
            age = w.NUMBERS[person.age]
            self.say(f"Once upon a time there was {article(person.trait)} {person.child} named {person.name}.",
                     f"{person.name} was {article(person.trait)} {person.child} who lived near the {place}.",
                     f"{person.name} was {age} years old, and {person.he} was very {person.trait}.",
                     f"Near the {place} lived {article(person.child)} called {person.name}, and {person.he} was {person.trait}.")

    def friend(self, a, b):
        self.say(f"{upper(a.his)} best friend was {b.name}, {article(b.trait)} {b.kind}.",
                 f"{upper(a.he)} had a friend named {b.name}, who was {b.trait}.",
                 f"{b.name}, {article(b.trait)} {b.kind}, was {a.his} {self.pick('friend', 'neighbour')}.")

    def habit(self, person):
        if self.chance(0.5):
            self.say(f"Because {person.name} was {person.trait}, {person.he} {person.habit}.",
                     f"{person.name}, who was {person.trait}, {person.habit}.",
                     f"As always, {person.name} {person.habit}.")

    def weather(self):
        if self.chance(0.35):
            self.say("The sun was shining and the sky was clear.", "It was raining a little.",
                     "A cold wind came from the north.", "The leaves were falling from the trees.",
                     "There was fog over the fields.", "The stars were already out.")

    def move(self, person, place):
        verb = self.pick("went", "walked", "ran", "hurried")
        self.say(f"{person.name} {verb} to the {place}.",
                 f"{self.pick(*w.LATER)}, {person.name} {verb} to the {place}.",
                 f"So {person.he} {verb} to the {place}.",
                 f"{upper(person.he)} {verb} down the road until {person.he} came to the {place}.")

    def ending(self, key, person, other):
        self.paragraph()
        good = self.pick(*w.FEELINGS_GOOD)
        self.say(f"{person.name} was {good}, and so was {other.name}.",
                 f"That night {person.name} slept well, because {person.he} was {good}.",
                 f"From that day on, {person.name} and {other.name} were the best of friends.",
                 f"{person.name} never forgot that {self.day}.",
                 f"In the end everybody was {good}.")
        if self.chance(0.35):
            self.say(*w.LESSONS[key], *[f"{person.name} learned something: {s[0].lower() + s[1:]}" for s in w.LESSONS[key]])

    # --- story types
    def lost(self):
        """A thing is lost, looked for in several places, and recognised by its colour."""
        a, b, c = self.cast[:3]
        home, *around = self.places
        thing = self.thing()
        self.introduce(a, home)
        self.say(f"{upper(a.his)} grandmother had given {a.him} {article(str(thing))}.",
                 f"{a.name} had {article(str(thing))} that {a.he} loved more than anything.",
                 f"For {a.his} birthday {a.he} got {article(str(thing))}.")
        self.friend(a, b)
        self.paragraph()
        lost_at, seen_at = around[0], around[1]
        self.say(f"{self.pick(*w.TIMES)}, {a.name} took the {thing.noun} to the {lost_at}.",
                 f"{self.pick(*w.TIMES)} {a.he} played with the {thing.noun} at the {lost_at}.")
        self.weather()
        self.say(f"When {a.he} came home, the {thing.noun} was gone.",
                 f"But when {a.name} looked for {a.his} {thing.noun}, it was not there.")
        self.say(f"{a.name} was {self.pick(*w.FEELINGS_BAD)}.", f"{upper(a.he)} began to cry.",
                 f"{upper(a.he)} looked under the bed and behind the door.")
        self.paragraph()
        self.say(self.speak(b, f"What does your {thing.noun} look like?", "asked"))
        self.say(self.speak(a, f"It is {thing.adjective}.", self.pick("said", "answered")))
        wrong = Thing(thing.noun, self.pick(*[c for c in w.COLOURS if c != thing.adjective]))
        if self.chance(0.6):
            self.say(f"They met {c.name} at the {seen_at}, who had found {article(str(wrong))}.")
            self.say(self.speak(a, f"That is not mine. Mine is {thing.adjective}, and this one is {wrong.adjective}."))
        self.say(f"{b.name} went with {a.him} to the {lost_at}, and they looked everywhere.",
                 f"Together {a.name} and {b.name} went back to the {lost_at}.")
        self.habit(b)
        hidden = self.pick(*w.CONTAINERS)
        self.say(f"There, behind an old {hidden}, lay the {thing}.",
                 f"In {article(hidden)} near the gate they found the {thing}.",
                 f"At last {b.name} saw something {thing.adjective} under {article(hidden)}. It was the {thing.noun}!")
        self.say(self.speak(a, self.pick("Thank you!", f"Thank you, {b.name}!", f"You found my {thing.noun}!"),
                            self.pick("cried", "shouted", "said")))
        self.ending("lost", a, b)

    def sharing(self):
        """Numbers: somebody has n things, gives some away, gets some, and counts again."""
        a, b, c = self.cast[:3]
        one, many = self.rng.choice(sorted(w.COUNTABLES.items()))
        total = self.rng.randint(4, 14)
        first = self.rng.randint(1, total - 2)
        left = total - first
        self.introduce(a, self.places[0])
        self.say(f"{self.pick(*w.TIMES)}, {a.name} had {count(total, one, many)} in {article(self.pick(*w.CONTAINERS))}.",
                 f"{a.name} found {count(total, one, many)} in the {self.places[1]}.",
                 f"{upper(a.his)} mother gave {a.him} {count(total, one, many)}.")
        self.friend(a, b)
        self.say(f"{b.name} had {count(0, one, many)} at all.", f"But {b.name} did not have any {many}.")
        self.paragraph()
        self.say(self.speak(b, f"May I have some of your {many}?", "asked"),
                 self.speak(b, f"You have {count(total, one, many)}, and I have none."))
        self.habit(a)
        self.say(f"{a.name} gave {b.him} {count(first, one, many)}.",
                 f"So {a.name} gave {count(first, one, many)} to {b.name}.")
        self.say(f"Now {a.name} had {count(left, one, many)} left, and {b.name} had {w.NUMBERS[first]}.",
                 f"{w.NUMBERS[total]} minus {w.NUMBERS[first]} is {w.NUMBERS[left]}, so {a.name} had {count(left, one, many)} left.",
                 f"Then {b.name} had {count(first, one, many)}, and {a.name} still had {w.NUMBERS[left]}.")
        if self.chance(0.7):
            extra = self.rng.randint(1, 20 - left if left > 14 else 6)
            self.say(f"{self.pick(*w.LATER)}, {c.name} came and gave {a.name} {count(extra, one, many)} more.",
                     f"{self.pick(*w.LATER)} {a.he} found {w.NUMBERS[extra]} more in the {self.places[2]}.")
            self.say(self.speak(c, f"How many {many} do you have now?", "asked"))
            left += extra
            self.say(self.speak(a, f"I have {w.NUMBERS[left]}.", self.pick("said", "answered", "replied")))
        if left > first:
            self.say(f"{a.name} had more {many} than {b.name}.")
        elif left < first:
            self.say(f"{b.name} had more {many} than {a.name}.")
        else:
            self.say(f"{a.name} and {b.name} had the same number of {many}.")
        self.ending("share", a, b)

    def belief(self):
        """Someone moves a thing while its owner is away: what each one knows, and reported speech."""
        a, b, c = self.cast[:3]
        thing = self.thing()
        first, second = self.rng.sample(w.CONTAINERS, 2)
        away, room = self.places[:2]
        self.introduce(a, room)
        self.friend(a, b)
        self.say(f"{self.pick(*w.TIMES)}, {a.name} put {a.his} {thing} in the {first} and went to the {away}.",
                 f"{a.name} had {article(str(thing))}. {upper(a.he)} put it in the {first} before {a.he} went to the {away}.")
        self.paragraph()
        reason = self.pick("because it was in the way", "to keep it dry", f"because {b.he} wanted to play a trick",
                           f"so that {c.name} would not find it", f"because the {first} was broken")
        self.say(f"While {a.name} was away, {b.name} moved the {thing.noun} from the {first} to the {second} {reason}.",
                 f"Then {b.name} came in. {upper(b.he)} took the {thing.noun} out of the {first} and put it in the {second}, {reason}.")
        self.say(f"{a.name} did not see it.",
                 f"{a.name} knew nothing about it.",
                 f"Only {c.name} saw what {b.name} did.")
        self.paragraph()
        self.say(f"When {a.name} came back from the {away}, {a.he} looked in the {first}, but it was empty.",
                 f"{self.pick(*w.LATER)} {a.name} came home and opened the {first}, because {a.he} thought that the {thing.noun} was there.")
        self.say(self.speak(a, f"Where is my {thing.noun}?", "asked"),
                 self.speak(a, f"Who has taken my {thing}?", self.pick("asked", "cried")))
        liar = self.chance(0.4)
        if liar:
            self.say(f"{b.name} said that {b.he} had not seen it.",
                     f"{b.name} told {a.him} that {c.name} had taken it.")
            self.say(f"But {c.name} told {a.name} that {b.name} had put it in the {second}.",
                     f"But that was not true, and {c.name} said so.")
            self.say(f"{a.name} looked in the {second}, and there was the {thing}.")
            self.say(self.speak(b, "I am sorry.", self.pick("said", "whispered")))
        else:
            self.say(self.speak(b, f"I put it in the {second}.", self.pick("said", "answered")),
                     f"{b.name} told {a.him} that {b.he} had put it in the {second}.")
            self.say(f"{a.name} opened the {second} and took out the {thing}.",
                     f"And indeed, the {thing} was in the {second}.")
        self.ending("truth", a, b)

    def journey(self):
        """A way through three places with a gift at each one, and the same way back."""
        a, b = self.cast[:2]
        names = self.cast[2:5]
        home, *stops = self.places[:4]
        gifts = [Thing(noun, self.pick(*w.COLOURS, *w.SIZES)) for noun in self.rng.sample(w.THINGS, len(stops))]
        self.introduce(a, home)
        self.say(f"{self.pick(*w.TIMES)}, {a.he} wanted to visit {b.name}, who lived on the other side of the {stops[-1]}.",
                 f"{upper(a.his)} {'grandmother' if b.female else 'grandfather'} {b.name} lived far away, and {a.name} wanted to see {b.him}.")
        self.weather()
        for stop, giver, gift in zip(stops, names, gifts):
            self.paragraph()
            self.move(a, stop)
            self.say(f"There {a.he} met {giver.name}, {article(giver.trait)} {giver.kind}.",
                     f"At the {stop} {a.he} saw {giver.name}, who was {self.pick('sitting on a stone', 'looking at the sky', 'eating bread', 'reading')}.")
            self.say(self.speak(giver, "Where are you going?", "asked"), self.speak(giver, "Are you hungry?", "asked"),
                     self.speak(giver, f"Good day, {a.name}!"))
            if self.chance(0.5):
                self.habit(giver)
            self.say(f"{giver.name} gave {a.him} {article(str(gift))}.",
                     f"Before {a.he} left, {giver.he} gave {a.him} {article(str(gift))}.")
            a.holds.append(gift)
        self.paragraph()
        self.say(f"Now {a.name} had {listing(article(str(g)) for g in a.holds)}.",
                 f"{a.name} carried {listing('the ' + str(g) for g in a.holds)}.")
        need = self.rng.randrange(3)
        gift = gifts[need]
        self.say(f"Then {a.he} met {article(self.pick('poor man', 'old woman', 'little child', 'traveller'))} who needed {article(gift.noun)}.")
        self.say(f"{a.name} remembered the {gift.noun} from {names[need].name} and gave it away.",
                 f"{a.name} still had the {gift} that {names[need].name} had given {a.him} at the {stops[need]}, and {a.he} gave it away.")
        del a.holds[need]
        self.say(f"After that {a.he} had only {listing('the ' + str(g) for g in a.holds)}.")
        self.say(f"On the way home {a.he} passed the {stops[2]}, the {stops[1]} and the {stops[0]}.",
                 f"{upper(a.he)} went back past the {stops[2]}, then the {stops[1]}, then the {stops[0]}, until {a.he} was home again.")
        self.ending("share", a, names[need])

    def repair(self):
        """Weather breaks something; the right tool and the right helper mend it."""
        a, b = self.adult(0), self.cast[1]
        broken, (tool, parts) = self.rng.choice(sorted(w.TOOLS.items()))
        weather, (sight, verb) = self.rng.choice(sorted(w.WEATHERS.items()))
        self.introduce(a, self.places[0])
        self.friend(a, b)
        self.say(f"On {self.day} there was a terrible {weather}, and {sight}.",
                 f"One night a {weather} came over the {self.places[0]}, and {sight}.")
        self.say(f"The {weather} {verb} the {broken} of the {self.places[1]}.",
                 f"In the morning {a.name} saw that the {broken} was broken.",
                 f"The {broken} was {'damaged' if verb == 'damaged' else 'broken'} by the {weather}.")
        self.paragraph()
        self.say(self.speak(a, f"We need {article(tool)} and some {parts} to mend the {broken}."),
                 f"To mend the {broken}, {a.name} needed {article(tool)} and {parts}.")
        self.say(f"{b.name} had {article(tool)}, but no {parts}.",
                 f"{upper(b.name)} brought the {tool}, because {b.he} wanted to help.")
        self.say(f"So they bought the {parts} at the {self.pick('market', 'shop')}.",
                 f"They got the {parts} from {self.cast[2].name}.")
        hours = self.rng.randint(2, 9)
        self.say(f"They worked for {w.NUMBERS[hours]} hours.",
                 f"{a.name} held the {parts}, and {b.name} used the {tool}.",
                 f"If the {weather} had not come, they would have gone to the {self.places[2]}; instead they worked all day.")
        self.habit(b)
        self.say(f"When the sun went down, the {broken} was mended.", f"At last the {broken} was as good as new.",
                 f"The {broken} was repaired before the next {weather} came.")
        self.ending("work", a, b)

    def race(self):
        """An order of three or four, told by comparisons and asked for afterwards."""
        n = self.rng.randint(3, 4)
        runners = self.cast[:n]
        skill = self.pick(("run", "faster", "fast"), ("jump", "higher", "high"), ("swim", "farther", "far"),
                          ("throw", "farther", "far"), ("climb", "higher", "high"))
        verb, comparative, _ = skill
        order = self.rng.sample(runners, n)
        self.say(f"{listing(p.name for p in runners)} wanted to know who could {verb} {comparative} than the others.",
                 f"On {self.day} there was a contest at the {self.places[0]}. {listing(p.name for p in runners)} wanted to {verb}.")
        self.weather()
        self.say(self.speak(order[-1], self.pick("I will win!",
                 "Nobody is better than me!",
                 f"I can {verb} {comparative} than all of you!")))
        self.habit(order[0])
        self.paragraph()
        pairs = [(order[i], order[i + 1]) for i in range(n - 1)]
        self.rng.shuffle(pairs)
        for x, y in pairs:
            self.say(f"{x.name} could {verb} {comparative} than {y.name}.", f"{y.name} was not as good as {x.name}.",
                     f"{x.name} was better than {y.name}.")
        self.say(f"So {order[0].name} was the winner and {order[-1].name} was the last.",
                 f"In the end {order[0].name} was first, {order[1].name} was second and {order[2].name} was third.",
                 f"{order[0].name} won, because {order[0].he} could {verb} {comparative} than {order[1].name}.")
        prize = self.thing()
        self.say(f"The winner got {article(str(prize))}.",
                 f"{order[0].name} was given {article(str(prize))} as a prize.")
        self.say(f"{order[-1].name} was {self.pick(*w.FEELINGS_BAD)}, but {order[0].name} let {order[-1].him} hold the {prize.noun}.",
                 f"{order[-1].name} looked at the {prize} and promised to practise every day.")
        self.ending("race", order[0], order[-1])

    def shop(self):
        """Prices and change."""
        a, keeper = self.cast[0], self.cast[1]
        keeper.job = "shopkeeper"
        purse = self.rng.randint(6, 20)
        goods = [self.thing()]
        goods.append(self.thing(avoid=goods[0].noun))
        prices = [self.rng.randint(2, purse - 2), self.rng.randint(1, 20)]
        self.introduce(a, self.places[0])
        self.say(f"{upper(a.he)} had {count(purse, 'coin', 'coins')} and wanted to buy a present for {self.cast[2].name}.",
                 f"{self.pick(*w.TIMES)} {a.he} took {count(purse, 'coin', 'coins')} to the market.")
        self.say(f"The shopkeeper was called {keeper.name} and was very {keeper.trait}.")
        self.paragraph()
        self.say(self.speak(a, f"How much is the {goods[0]}?", "asked"))
        self.say(self.speak(keeper, f"It costs {count(prices[0], 'coin', 'coins')}.", self.pick("said", "answered")))
        self.say(self.speak(a, f"And how much is the {goods[1]}?", "asked"))
        self.say(self.speak(keeper, f"That one costs {count(prices[1], 'coin', 'coins')}.", self.pick("said", "answered")))
        cheap, dear = (0, 1) if prices[0] <= prices[1] else (1, 0)
        if prices[0] != prices[1]:
            self.say(f"The {goods[dear].noun} was more expensive than the {goods[cheap].noun}.",
                     f"The {goods[cheap].noun} was cheaper.")
        bought = dear if prices[dear] <= purse and self.chance(0.5) else cheap
        if prices[dear] > purse:
            self.say(f"{a.name} did not have enough coins for the {goods[dear].noun}.",
                     f"The {goods[dear].noun} cost too much for {a.him}.")
        rest = purse - prices[bought]
        self.say(f"So {a.name} bought the {goods[bought]} and had {count(rest, 'coin', 'coins')} left.",
                 f"{a.name} paid {count(prices[bought], 'coin', 'coins')} for the {goods[bought].noun}. {upper(a.he)} had {w.NUMBERS[rest]} left.")
        self.say(f"{a.name} gave the {goods[bought].noun} to {self.cast[2].name}.",
                 f"{self.cast[2].name} was very glad about the {goods[bought]}.")
        self.ending("share", a, self.cast[2])

    def cooking(self):
        """A list of ingredients that is used up in order; one is missing."""
        a, b = self.adult(0), self.cast[1]
        dish, (parts, vessel, verb) = self.rng.choice(sorted(w.DISHES.items()))
        needed = self.rng.sample(parts, self.rng.randint(3, 4))
        missing = self.rng.choice(needed)
        present = [p for p in needed if p != missing]
        self.introduce(a, self.places[0])
        self.say(f"{self.pick(*w.TIMES)}, {a.he} wanted to make {'a ' if dish in ('cake', 'pie', 'salad') else ''}{dish} with {b.name}.")
        self.say(self.speak(a, f"We need {listing(needed)}."), f"For the {dish} they needed {listing(needed)}.")
        self.paragraph()
        self.say(f"In the kitchen they found {listing(present)}, but no {missing}.",
                 f"{b.name} brought {listing(present)}, but {b.he} forgot the {missing}.")
        self.say(self.speak(b, f"I will get the {missing} from {self.cast[2].name}."),
                 f"{b.name} ran to {self.cast[2].name} and asked for the {missing}.")
        self.say(f"{self.cast[2].name} gave {b.him} the {missing}, because {self.cast[2].he} was {self.cast[2].trait}.",
                 f"{self.cast[2].name} still had some, and soon {b.name} came back with the {missing}.")
        shuffled = self.rng.sample(needed, len(needed))
        self.say(f"First {a.name} put the {shuffled[0]} into the {vessel}, then the {shuffled[1]}, and at last the {listing(shuffled[2:])}.",
                 f"They put {listing(needed)} into the {vessel}.")
        self.say(f"{b.name} {verb} it until it was done.", f"It was {verb} by {b.name}, and it smelled very good.")
        guests = self.rng.randint(2, 8)
        self.say(f"They ate the {dish} with {w.NUMBERS[guests]} friends, so there were {w.NUMBERS[guests + 2]} people at the table.",
                 f"The {dish} was so good that nothing was left.")
        self.ending("work", a, b)

    def talk(self):
        """A conversation about what kinds of animals can and cannot do."""
        a, b = self.cast[:2]
        b.job = "teacher"
        self.introduce(a, self.places[0])
        facts = self.rng.sample(w.FACTS, self.rng.randint(2, 3))
        self.say(f"{self.pick(*w.TIMES)}, {a.name} and {a.his} teacher {b.name} were sitting at the {self.places[1]}.",
                 f"{upper(a.his)} teacher was called {b.name}. They were walking to the {self.places[1]}.")
        for plural, category, can, cannot in facts:
            self.paragraph()
            self.say(self.speak(a, f"Can {plural} {can}?", "asked"), self.speak(a, f"What are {plural}?", "asked"))
            self.say(self.speak(b, f"{upper(plural)} are {category}. They can {can}, but they cannot {cannot}.", self.pick("said", "answered")))
            if self.chance(0.5):
                self.say(self.speak(a, f"So they cannot {cannot}?", "asked"))
                self.say(self.speak(b, f"No, they cannot {cannot}. But they can {can}.", self.pick("said", "answered")))
        self.paragraph()
        plural, category, can, cannot = self.rng.choice(facts)
        self.say(f"At home {a.name} told {a.his} mother that {plural} can {can} and that they cannot {cannot}.",
                 f"{self.pick(*w.LATER)} {a.name} explained to {self.cast[2].name} that {plural} are {category}.")
        self.ending("truth", a, b)

    def pet(self):
        """An animal with a name of its own runs away and is heard before it is seen."""
        a, b = self.cast[:2]
        kind, sound = self.rng.choice(sorted(w.ANIMALS.items()))
        name = self.pick(*w.ANIMAL_NAMES)
        colour = self.pick(*w.COLOURS[:8])
        self.introduce(a, self.places[0])
        self.say(f"{upper(a.he)} had {article(colour)} {kind} called {name}.",
                 f"{a.name} had {article(kind)}. Its name was {name}, and it was {colour}.")
        self.say(f"Every day {name} followed {a.him} to the {self.places[1]}.",
                 f"{name} liked to sleep in {article(self.pick(*w.CONTAINERS))}.")
        self.paragraph()
        self.say(f"{self.pick(*w.TIMES)}, {name} ran away, because "
                 f"{self.pick('the gate was open', 'there was a loud noise', 'it was hungry', 'it saw a bird')}.",
                 f"{self.pick(*w.TIMES)} {a.name} could not find {name}.")
        self.say(f"{a.name} called {name} again and again.",
                 f"{upper(a.he)} was {self.pick(*w.FEELINGS_BAD)} and asked {b.name} for help.")
        for place in self.places[2:2 + self.rng.randint(1, 2)]:
            self.say(f"They looked at the {place}, but {name} was not there.")
        self.say(f"Then something {sound} near the {self.places[4]}.",
                 f"At the {self.places[4]} they heard it: something {sound}.")
        self.say(self.speak(b, f"Was that your {kind}?", "asked"), self.speak(b, f"I know who {sound} there!", "cried"))
        self.say(f"It was {name}, the {colour} {kind}.", f"And there sat the {colour} {kind} under a tree.")
        food = self.pick(*sorted(w.COUNTABLES.values()))
        treat = f"some {food}" if food in ("apples", "carrots", "nuts") else "a warm bed"
        self.say(f"{a.name} took {name} home and gave it {self.pick('milk', 'bread', 'water', treat)}.")
        self.ending("lost", a, b)

    def tale_in_tale(self):
        """Somebody tells one of the other stories, and the listeners speak about it afterwards."""
        teller, listener = self.cast[:2]
        teller.job = self.pick("grandmother" if teller.female else "grandfather", "sailor", "teacher")
        self.say(f"{self.pick(*w.TIMES)}, {listener.name} sat by the fire with {teller.name}, the old {teller.job}.",
                 f"{listener.name} could not sleep. So {teller.name}, the {teller.job}, told {listener.him} a story.")
        self.say(self.speak(teller, "Listen well."), self.speak(listener, "Please tell me a story!"))
        self.paragraph()
        inner = Story(self.rng, nested=True)
        taken = {teller.name, listener.name}
        inner.cast = [p for p in inner.cast if p.name not in taken]
        inner.cast += [p for p in Story(self.rng).cast
                       if p.name not in taken and p.name not in {q.name for q in inner.cast}]
        getattr(inner, inner.pick("lost", "sharing", "belief", "shop", "pet"))()
        hero = inner.cast[0]
        self.paragraphs += inner.text().split("\n")
        self.say(self.speak(listener, f"Was {hero.name} a real {hero.child}?", "asked"),
                 self.speak(listener, f"I like {hero.name}, because {hero.he} was {hero.trait}."))
        self.say(self.speak(teller, f"Perhaps {hero.he} was, and perhaps {hero.he} was not.", "answered"),
                 f"But {teller.name} only smiled.",
                 f"Then {listener.name} fell asleep and dreamed of the {inner.places[0]}.")


KINDS = ["lost", "sharing", "belief", "journey", "repair", "race", "shop", "cooking", "talk", "pet", "tale_in_tale"]


def story(seed, split, index):
    """The text of one story; depends on the three arguments only."""
    rng = random.Random(f"linscan-demo/{seed}/{split}/{index}")
    tale = Story(rng)
    getattr(tale, KINDS[rng.randrange(len(KINDS))])()
    return tale.text()


def write_gzip(path, texts):
    """JSON lines, compressed without time stamp or file name: the same stories give the same bytes."""
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write("".join(json.dumps({"text": text}) + "\n" for text in texts).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=["train", "held-out"], default="held-out")
    parser.add_argument("--stories", type=int, default=600)
    parser.add_argument("--out", help="a .jsonl.gz file; default: plain text on stdout")
    args = parser.parse_args()
    texts = (story(args.seed, args.split, i) for i in range(args.stories))
    if args.out:
        write_gzip(args.out, texts)
    else:
        sys.stdout.writelines(text + "\n\n" for text in texts)


if __name__ == "__main__":
    main()
