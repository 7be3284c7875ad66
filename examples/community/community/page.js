/**
 * The page's behaviour. Texts reach the document as text nodes only, so nothing that a member wrote
 * can become markup. Every request carries the token and `x-user`, by which the router finds the
 * instance of login that holds the session.
 */
const REFRESH_MS = 4_000;
const RETRIES = 10;

const element = (id) => document.getElementById(id);
const names = new Map();
const state = { session: readSession(), refreshing: false };

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** An answer's JSON. Waits and asks again while the answer is 503; throws Refused for any other refusal. */
async function request(method, path, { body, user, headers } = {}) {
  const options = { method, headers: { ...identity(user), ...headers } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['content-type'] = 'application/json';
  }
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(path, options);
    if (response.status !== 503 || attempt > RETRIES) return answerOf(response);
    const seconds = Number(response.headers.get('retry-after')) || 1;
    show(
      'wait',
      `Not available at the moment (503). Trying again in ${seconds} s (${attempt} of ${RETRIES}).`,
    );
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    clear('wait');
  }
}

/** Who asks: the member of the session, or before there is one the `user` who wants in. */
function identity(user) {
  if (state.session === undefined) return { 'x-user': user };
  return { 'x-user': state.session.email, authorization: `Bearer ${state.session.token}` };
}

async function answerOf(response) {
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  const answer = isJson ? await response.json() : {};
  if (response.ok) return answer;
  throw new Refused(response.status, answer.error ?? `the answer was ${response.status}`);
}

async function logIn(email, password) {
  const user = email.trim().toLowerCase();
  const { token } = await request('POST', '/login/session', { body: { email: user, password }, user });
  saveSession({ email: user, token });
  clear();
  render();
  await refresh();
}

async function logOut() {
  await request('DELETE', '/login/session').catch(() => undefined); // Gone already is as good.
  saveSession(undefined);
  show('good', 'You are logged out.');
  render();
}

async function refresh() {
  if (state.session === undefined || state.refreshing) return;
  state.refreshing = true;
  try {
    const session = await request('GET', '/login/session');
    if (state.session === undefined) return;
    saveSession({ ...state.session, token: session.token });
    renderSession(session);
    const [balance, { transfers }, { members }] = await Promise.all([
      request('GET', '/balance'),
      request('GET', '/transfers'),
      request('GET', '/members'),
    ]);
    renderBalance(balance);
    renderMembers(members);
    renderTransfers(transfers);
    clear('lost-contact');
  } catch (error) {
    explain(error);
  } finally {
    state.refreshing = false;
  }
}

async function pay(form) {
  const { to, amount, memo } = Object.fromEntries(new FormData(form));
  // One key until the form changes: if an answer gets lost, pressing the button again does not pay twice.
  form.dataset.key ??= randomKey();
  const headers = { 'idempotency-key': form.dataset.key };
  const body = { to: to.trim().toLowerCase(), cents: parseCents(amount), memo };
  await request('POST', '/transfers', { body, headers });
  show('good', `Paid ${formatCents(body.cents)} to ${names.get(body.to) ?? body.to}.`);
  form.reset();
  delete form.dataset.key;
  form.to.focus();
  await refresh();
}

function explain(error) {
  const lost = error instanceof Refused && error.status === 401 && state.session !== undefined;
  if (lost) {
    saveSession(undefined);
    show('bad', 'Logged out: the session is gone. Please log in again.');
    render();
  } else if (error instanceof Refused) {
    show('bad', `${error.message[0].toUpperCase()}${error.message.slice(1)}.`);
  } else {
    show('lost-contact', 'No connection to the server. The page goes on trying.');
  }
}

/** `kind`: good, wait, bad, or lost-contact. */
function show(kind, text) {
  const notice = element('notice');
  notice.dataset.kind = kind === 'lost-contact' ? 'wait' : kind;
  notice.dataset.reason = kind;
  notice.textContent = text;
  notice.hidden = false;
}

/** Takes the notice away, if it is of that kind. */
function clear(kind) {
  const notice = element('notice');
  if (kind === undefined || notice.dataset.reason === kind) notice.hidden = true;
}

function render() {
  const loggedIn = state.session !== undefined;
  element('log-in-view').hidden = loggedIn;
  element('member-view').hidden = !loggedIn;
  element('who').hidden = !loggedIn;
  element('who-name').textContent = state.session?.email ?? '';
}

function renderSession({ instance, calls, since }) {
  element('login-instance').textContent = instance;
  element('calls').textContent = calls;
  element('since').dateTime = since;
  element('since').textContent = new Date(since).toLocaleTimeString();
}

function renderBalance({ instance, name, cents }) {
  element('who-name').textContent = name;
  element('balance').textContent = formatCents(cents);
  element('community-instance').textContent = instance;
}

function renderMembers(members) {
  names.clear();
  for (const { email, name } of members) names.set(email, name);
  const others = members.filter(({ email }) => email !== state.session?.email);
  const options = others.map(({ email, name }) =>
    Object.assign(document.createElement('option'), { value: email, label: name }),
  );
  element('members').replaceChildren(...options);
}

function renderTransfers(transfers) {
  element('no-transfers').hidden = transfers.length > 0;
  element('transfers').replaceChildren(...transfers.map(transferItem));
}

function transferItem({ from, to, cents, memo, at }) {
  const received = to === state.session?.email;
  const other = received ? from : to;
  const item = document.createElement('li');
  item.append(
    textElement('span', 'who', `${received ? 'from' : 'to'} ${names.get(other) ?? other}`),
    textElement('span', received ? 'cents in' : 'cents', `${received ? '+' : '\u2212'}${formatCents(cents)}`),
    textElement('span', 'memo', memo),
    Object.assign(
      textElement('time', '', new Date(at).toLocaleString([], { dateStyle: 'short', timeStyle: 'short' })),
      {
        dateTime: at,
      },
    ),
  );
  return item;
}

function textElement(tag, className, text) {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function formatCents(cents) {
  return (cents / 100).toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** Cents of a text like `12`, `12.5` or `12,50`, without floating point. */
function parseCents(text) {
  const [whole, fraction = ''] = text.trim().split(/[.,]/);
  return Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

function readSession() {
  return JSON.parse(sessionStorage.getItem('session') ?? 'null') ?? undefined;
}

function saveSession(session) {
  state.session = session;
  if (session === undefined) sessionStorage.removeItem('session');
  else sessionStorage.setItem('session', JSON.stringify(session));
}

/** Runs a form's or button's work once at a time and shows what went wrong. */
async function act(control, work) {
  control.disabled = true;
  try {
    await work();
  } catch (error) {
    explain(error);
  } finally {
    control.disabled = false;
  }
}

function onSubmit(id, work) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    void act(form.querySelector('button'), () => work(form));
  });
}

onSubmit('log-in', (form) => logIn(form.email.value, form.password.value).then(() => form.reset()));
onSubmit('register', async (form) => {
  const { name, email, password } = Object.fromEntries(new FormData(form));
  const user = email.trim().toLowerCase();
  await request('POST', '/login/register', { body: { name, email: user, password }, user });
  await logIn(user, password);
  form.reset();
});
onSubmit('pay', pay);
element('pay').addEventListener('input', (event) => delete event.currentTarget.dataset.key);
element('log-out').addEventListener('click', (event) => void act(event.currentTarget, logOut));
for (const button of document.querySelectorAll('[data-demo]')) {
  button.addEventListener('click', () => {
    element('email').value = button.dataset.demo;
    element('password').value = 'holdfast';
    element('log-in').querySelector('button').focus();
  });
}
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) void refresh();
});
setInterval(() => {
  if (!document.hidden) void refresh();
}, REFRESH_MS);
render();
void refresh();
