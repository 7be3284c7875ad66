/** The schema of the requests that show that an application works. */
import { z } from 'zod';
import { group, headerName, httpPath, mapOf, text, wholeNumber } from './schema-terms.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const MOST_REQUESTS = 20;

const request = group('path and more', {
  method: z
    .enum(METHODS, { error: METHODS.join(', ') })
    .default('GET')
    .describe('The method.'),
  path: httpPath.describe('The path, with a query if there is one.'),
  headers: mapOf(
    headerName,
    // Visible ASCII and spaces inside: what can be sent as it is (RFC 9110, section 5.5).
    text('text of one line', { pattern: /^[!-~]([ -~]*[!-~])?$/, longest: 4000 }),
    { error: 'a map from a header to its value' },
  )
    .prefault({})
    .describe('The headers.'),
  body: text('text', { longest: 10_000 }).optional().describe('The body.'),
  status: wholeNumber(200, 599).default(200).describe('The status of the right answer.'),
}).describe('One request through the router, and its right answer.');

const REQUESTS = `a list of at most ${MOST_REQUESTS} requests`;

export const smoke = z
  .array(request, { error: REQUESTS })
  .max(MOST_REQUESTS, { error: REQUESTS })
  .prefault([])
  .describe('Requests that show that the application works, sent in this order.');
