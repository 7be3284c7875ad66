import { distance } from 'fastest-levenshtein';

/**
 * The name most like `wrong`, for "did you mean"; undefined if none is near enough to be meant. Near is
 * at most two edits, or a third of the letters in a long name. Of equally near names the one with the
 * same letters wins, so that swapped letters are understood.
 */
export function nearestName(wrong: string, names: Iterable<string>): string | undefined {
  const word = wrong.toLowerCase();
  const bound = Math.min(word.length - 1, Math.max(2, Math.floor(word.length / 3)));
  return [...names]
    .map((name) => ({ name, edits: distance(word, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= bound)
    .toSorted((a, b) => a.edits - b.edits || lettersApart(word, a.name) - lettersApart(word, b.name))[0]
    ?.name;
}

function lettersApart(a: string, b: string): number {
  return distance(sortedLetters(a), sortedLetters(b.toLowerCase()));
}

function sortedLetters(word: string): string {
  return word.split('').toSorted().join('');
}
