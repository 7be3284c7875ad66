/**
 * Turns the JSON Schema of the file into a schema that Kubernetes takes for a custom resource: structural
 * (no union of types, every field named outside of logic), and without what it does not know. Names of
 * keys and conditions become rules in CEL, whose messages say what is wrong; defaults become words, so that
 * what is stored stays what the user wrote.
 *
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */

/** The part of JSON Schema that the schema of the file is made of. */
export interface FileSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, FileSchema>>;
  readonly additionalProperties?: FileSchema | boolean;
  readonly propertyNames?: FileSchema;
  readonly items?: FileSchema;
  readonly oneOf?: readonly Condition[];
  readonly anyOf?: readonly Condition[];
  readonly not?: Condition;
}

/** Which keys a map must have, or must not. */
export interface Condition {
  readonly required?: readonly string[];
  readonly not?: Condition;
}

/** `x-kubernetes-validations`: an expression in CEL that must be true of `self`. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
}

/** Rules by the path of what they are about; `*` stands for any key of a map. */
export type RulesByPath = Readonly<Record<string, readonly Rule[]>>;

/** The limits that Kubernetes has words of its own for. */
const KEPT = [
  'type',
  'enum',
  'pattern',
  'maxLength',
  'minimum',
  'maximum',
  'minProperties',
  'maxProperties',
  'maxItems',
  'required',
] as const;

/** The structural form of `schema`; `rules` are added to those that follow from it. */
export function structuralSchema(schema: FileSchema, rules: RulesByPath, path = ''): object {
  const { properties, additionalProperties: values, items } = schema;
  const below = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const validations = [...nameRules(schema), ...conditionRules(schema), ...(rules[path] ?? [])];
  return {
    ...Object.fromEntries(KEPT.flatMap((key) => (schema[key] === undefined ? [] : [[key, schema[key]]]))),
    ...described(schema),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, child]) => [
              key,
              structuralSchema(child, rules, below(key)),
            ]),
          ),
        }),
    ...(typeof values === 'object'
      ? { additionalProperties: structuralSchema(values, rules, below('*')) }
      : {}),
    ...(items === undefined ? {} : { items: structuralSchema(items, rules, below('*')) }),
    ...(validations.length === 0 ? {} : { 'x-kubernetes-validations': validations }),
  };
}

function described({ description = '', default: initial }: FileSchema): { description?: string } {
  const isPlain = typeof initial === 'string' || typeof initial === 'number' || typeof initial === 'boolean';
  const words = isPlain ? `${description} Default: ${String(initial)}.` : description;
  return words === '' ? {} : { description: words };
}

/** What `propertyNames` says. */
function nameRules({ propertyNames: names }: FileSchema): Rule[] {
  if (names?.pattern === undefined) return [];
  const bound = names.maxLength === undefined ? '' : ` && size(key) <= ${names.maxLength}`;
  const most = names.maxLength === undefined ? '' : ` and have at most ${names.maxLength} characters`;
  return [
    {
      rule: `self.all(key, key.matches(${celText(names.pattern)})${bound})`,
      message: `each name in this map must match ${names.pattern}${most}`,
    },
  ];
}

function conditionRules({ oneOf, anyOf, not }: FileSchema): Rule[] {
  return [
    ...(oneOf === undefined
      ? []
      : [
          {
            rule: `[${oneOf.map(celOf).join(', ')}].exists_one(fits, fits)`,
            message: `must have exactly one of ${oneOf.map(wordsOf).join(', ')}`,
          },
        ]),
    ...(anyOf === undefined
      ? []
      : [{ rule: anyOf.map(celOf).join(' || '), message: `must have ${anyOf.map(wordsOf).join(' or ')}` }]),
    ...(not === undefined ? [] : [{ rule: `!(${celOf(not)})`, message: `must not have ${wordsOf(not)}` }]),
  ];
}

function celOf({ required = [], not }: Condition): string {
  const has = required.map((key) => `has(self.${key})`);
  const parts = not === undefined ? has : [...has, `!(${celOf(not)})`];
  return parts.length === 1 ? parts.join('') : `(${parts.join(' && ')})`;
}

/** What a condition asks for; what it forbids goes without saying. */
function wordsOf({ required = [] }: Condition): string {
  return required.join(' together with ');
}

/** A raw string, in which a backslash is itself. */
function celText(text: string): string {
  return `r'${text}'`;
}
