/** What Holdfast gives every instance through its environment. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** Name of this instance, for example `login-1`. */
  readonly instance: string;
  /** `mysql://user:password@host:port/database` */
  readonly databaseUrl: string;
  /** Secret that signs the tokens, the same for both services. */
  readonly tokenKey: string;
}

/** Throws an Error that names every missing or useless variable, never a value. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const { HOST = '127.0.0.1', INSTANCE = 'local', PORT = '', DATABASE_URL = '', TOKEN_KEY = '' } = env;
  const problems = [
    /^\d{1,5}$/.test(PORT) ? '' : 'PORT must be a port number',
    URL.canParse(DATABASE_URL)
      ? ''
      : 'DATABASE_URL must be a URL like mysql://user:password@host:3306/database',
    TOKEN_KEY.length >= 32 ? '' : 'TOKEN_KEY must have at least 32 characters',
  ].filter((problem) => problem !== '');
  if (problems.length > 0) throw new Error(`environment: ${problems.join('; ')}`);
  return {
    host: HOST,
    port: Number(PORT),
    instance: INSTANCE,
    databaseUrl: DATABASE_URL,
    tokenKey: TOKEN_KEY,
  };
}
