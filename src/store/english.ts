/**
 * What a stemmer does not know of English: forms of one word, and words that are asked for by one another. Written down
 * from a grammar and from everyday use, before any miss was looked at; short, since every word more finds more that is
 * not meant. Other languages have no lists.
 */

/** Verbs and nouns whose forms no stemmer joins, the common ones. */
const FORMS = groups(
  "be was were been|begin began begun|break broke broken|bring brought|build built|buy bought|catch caught|choose chose chosen|come came|deal dealt|do did done|draw drew drawn|" +
    "drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feel felt|fight fought|find found|fly flew flown|forget forgot forgotten|freeze froze frozen|give gave given|" +
    "go went gone|grow grew grown|hang hung|hear heard|hide hid hidden|hold held|keep kept|know knew known|lead led|learn learnt|leave left|lend lent|lose lost|make made|mean meant|" +
    "meet met|pay paid|ride rode ridden|ring rang rung|rise rose risen|run ran|see saw seen|seek sought|sell sold|send sent|shake shook shaken|shoot shot|sing sang sung|sink sank sunk|" +
    "sit sat|sleep slept|speak spoke spoken|spend spent|stand stood|steal stole stolen|stick stuck|swim swam swum|take took taken|teach taught|think thought|throw threw thrown|" +
    "understand understood|wake woke woken|wear wore worn|win won|write wrote written|child children kid kids|person people|man men|woman women|foot feet|tooth teeth|mouse mice|" +
    "mother mom mum|father dad|life lives|wife wives|good better best|bad worse worst|index indices|vertex vertices|matrix matrices",
);

const ALIKE = groups(
  "job work career profession|begin start|buy purchase|movie film|book novel|trip travel journey vacation holiday|photo picture image|hobby pastime interest|house home apartment flat|car vehicle|" +
    "ill sick|happy glad|sad upset|friend buddy|husband spouse wife partner|marry wedding marriage|doctor physician|school college university|class course|exercise workout gym|food meal dish|" +
    "concert gig show|song music|paint draw art|contest competition tournament|gift present|plan intend|help support|live reside|relocate move|injury hurt accident|shop store|sea ocean beach|" +
    "hike mountain|country nation|favorite favourite love|kid child son daughter|pet dog cat|sport game|party celebration celebrate|afraid fear scared|anger angry|money cash|" +
    "problem issue trouble|error failure fault bug|fix repair|remove delete|folder directory|config configuration setting|database db|login authentication auth|quick fast|slow latency|" +
    "test spec|function method|library dependency package|crash panic|rename move",
);

/** All forms of the word, itself first. */
export function formsOf(word: string): readonly string[] {
  return [word, ...(FORMS.get(word) ?? [])];
}

/** Words that mean nearly the same, none of them a form of this one. */
export function alike(word: string): readonly string[] {
  const forms = formsOf(word);
  const bases = [...forms, ...["s", "es", "ed", "ing"].flatMap((ending) => (word.endsWith(ending) ? [word.slice(0, -ending.length), `${word.slice(0, -ending.length)}e`] : []))];
  const known = bases.find((base) => ALIKE.has(base));
  return known === undefined ? [] : ALIKE.get(known)!.filter((other) => !forms.includes(other));
}

/** Each word with the others of its groups. */
function groups(written: string): ReadonlyMap<string, readonly string[]> {
  const others = new Map<string, string[]>();
  for (const group of written.split("|").map((each) => each.split(" "))) for (const word of group) others.set(word, [...(others.get(word) ?? []), ...group.filter((other) => other !== word)]);
  return others;
}
