// An authorization server on loopback: oidc-provider, configured as strictly as possible,
// with a login that accepts at once and an API that checks whether a token is valid. Its one
// argument is JSON: clientID, clientSecret, redirectURIs, user, scope and life, in
// seconds, of access tokens. It prints its URL once it listens.
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const { clientID, clientSecret, redirectURIs, user, scope, life } = JSON.parse(process.argv[2]);

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  clients: [{
    client_id: clientID,
    client_secret: clientSecret,
    redirect_uris: redirectURIs,
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  }],
  scopes: [scope],
  cookies: { keys: ['sample'] },
  pkce: { required: () => true },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: life, ClientCredentials: life },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});

// accept does what a user would do on the login page, and then on the consent page.
async function accept(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: user } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

async function api(request, response) {
  const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
  const found = await provider.AccessToken.find(token) ?? await provider.ClientCredentials.find(token);
  response.writeHead(found?.isValid ? 200 : 401).end();
}

const oauth = provider.callback();
server.on('request', async (request, response) => {
  try {
    if (request.url === '/api') {
      await api(request, response);
    } else if (request.url.startsWith('/interaction/')) {
      await accept(request, response);
    } else {
      await oauth(request, response);
    }
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});

process.stdin.on('end', () => process.exit()).resume(); // exits together with its parent process
console.log(url);
