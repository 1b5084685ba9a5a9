// A provider of OpenID Connect that others made (npm: oidc-provider), as a process of its own. It prints its port. Whoever
// signs in is whom they say they are: their name there is what they type, and so is their verified address.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [secret] = process.argv.slice(2);
const configuration = {
  clients: [{
    client_id: 'keyward',
    client_secret: secret,
    redirect_uris: ['http://127.0.0.1/sign-in/oidc/callback'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  cookies: { keys: ['a key of this test'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: true }),
  }),
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://localhost:${port}`, configuration);
  // The port of the console is not known yet.
  provider.Client.prototype.redirectUriAllowed = (uri) => {
    const url = new URL(uri);
    return url.hostname === '127.0.0.1' && url.pathname === '/sign-in/oidc/callback';
  };
  server.on('request', provider.callback());
  console.log(port);
});
