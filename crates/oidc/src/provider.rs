//! Signing in at a provider with the authorization code flow and PKCE.

use crate::answer::Answer;
use crate::fault::{Fault, StartFault};
use crate::flow::Flow;
use crate::http::HttpClient;
use crate::known::{Found, Known, in_time};
use crate::seal::Seal;
use crate::settings::{ClientSecret, Settings};
use crate::token::{TokenFault, claims_of};
use crate::used::Used;
use keyward_domain::Timestamp;
use openidconnect::core::{
    CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims, CoreResponseType,
    CoreTokenResponse,
};
use openidconnect::{
    AccessToken, AuthType, AuthenticationFlow, AuthorizationCode, ClientId, CsrfToken, EmptyAdditionalClaims,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse, UserInfoClaims, UserInfoError,
};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// So many sign-ins are looked at at once: each holds a connection to the provider.
const MOST_AT_ONCE: usize = 16;

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider, and this client of it.
pub struct Provider {
    settings: Settings,
    client: ClientId,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    http: Arc<HttpClient>,
    now: Now,
    known: Arc<Known>,
    seal: Seal,
    used: Used,
    places: Semaphore,
}

/// A sign-in that has begun.
pub struct Begun {
    /// Where to send the browser.
    pub to: String,
    /// What the browser keeps: letters, digits, `-`, `_` and `.`.
    pub flow: String,
}

/// Whom a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches.
    pub issuer: String,
    /// The provider's name of the person; never given to anybody else.
    pub subject: String,
    /// The person's e-mail address, if the provider has verified it.
    pub email: Option<String>,
}

impl Provider {
    /// Reads the files that the settings name; asks nobody. `redirect` is where the provider sends browsers back to.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub fn new(settings: Settings, redirect: &str, now: Now) -> Result<Self, StartFault> {
        let secret = settings.client_secret_file.as_deref().map(ClientSecret::read);
        let secret = secret.transpose()?;
        let http = Arc::new(HttpClient::new(&settings)?);
        let known = Known::new(settings.issuer.clone(), Arc::clone(&http), Arc::clone(&now));
        let redirect = RedirectUrl::new(redirect.to_owned());
        Ok(Self {
            client: ClientId::new(settings.client_id.clone()),
            seal: Seal::new(&settings, secret.as_ref())?,
            secret,
            redirect: redirect.map_err(|fault| StartFault::Redirect(fault.to_string()))?,
            http,
            now,
            known: Arc::new(known),
            used: Used::default(),
            places: Semaphore::new(MOST_AT_ONCE),
            settings,
        })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// `Away` or `Busy`.
    pub async fn begin(&self) -> Result<Begun, Fault> {
        let found = self.found().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&found);
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".into()))
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        Ok(Begun {
            to: url.into(),
            flow: self
                .seal
                .close(&Flow::new(&state, &nonce, &verifier, (self.now)()).to_text()),
        })
    }

    /// Whoever begins asks the provider for nothing as long as it is known, and needs no place for that.
    async fn found(&self) -> Result<Found, Fault> {
        if let Some(known) = self.known.at_hand() {
            return known;
        }
        let _place = self.place()?;
        self.known.get().await
    }

    /// Reads what a browser kept, if it was made here and is not older than ten minutes.
    pub fn read_flow(&self, kept: &str) -> Option<Flow> {
        Flow::read(self.seal.open(kept)?, (self.now)())
    }

    /// Finishes a sign-in. Flow and code are used up by it, whatever comes.
    ///
    /// # Errors
    /// Why the answer proves nothing.
    pub async fn finish(&self, flow: &Flow, answer: &Answer) -> Result<Identity, Fault> {
        let _place = self.place()?;
        in_time(async {
            let found = self.known.get().await?;
            let names_issuer = found.description.additional_metadata();
            let must_name = names_issuer.authorization_response_iss_parameter_supported;
            let code = answer.code(flow, &self.settings.issuer, must_name)?;
            if !self.used.take(flow, (self.now)()) {
                return Err(Fault::refused("this sign-in was finished before"));
            }
            let tokens = self.trade(&found, code, flow).await?;
            let token = tokens
                .id_token()
                .ok_or_else(|| Fault::refused("there is no ID token"))?;
            let claims = self.claims(token, &found, flow).await?;
            Ok(Identity {
                issuer: self.settings.issuer.as_str().to_owned(),
                subject: claims.subject().as_str().to_owned(),
                email: self.email(&found, claims, tokens.access_token()).await?,
            })
        })
        .await
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, Fault> {
        self.places.try_acquire().map_err(|_| Fault::Busy)
    }

    fn client(&self, found: &Found) -> Client {
        let secret = self.secret.as_ref();
        let secret = secret.map(|secret| openidconnect::ClientSecret::new(secret.reveal().to_owned()));
        let methods = found.description.token_endpoint_auth_methods_supported();
        let has = |method| methods.is_some_and(|methods| methods.contains(&method));
        // Without a list it is the header (Discovery 1.0, section 3).
        let in_body =
            has(CoreClientAuthMethod::ClientSecretPost) && !has(CoreClientAuthMethod::ClientSecretBasic);
        let client =
            CoreClient::from_provider_metadata((*found.description).clone(), self.client.clone(), secret);
        client
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if in_body {
                AuthType::RequestBody
            } else {
                AuthType::BasicAuth
            })
    }

    /// Trades the code for tokens.
    async fn trade(&self, found: &Found, code: &str, flow: &Flow) -> Result<CoreTokenResponse, Fault> {
        let request = self
            .client(found)
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|fault| Fault::away("its description", fault))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.clone()))
            .request_async(&*self.http)
            .await;
        request.map_err(|error| match error {
            RequestTokenError::Request(cause) => Fault::away("its token endpoint", cause),
            RequestTokenError::ServerResponse(answer) => {
                Fault::refused(format!("the code is not taken: {}", answer.error()))
            }
            // The library's own text may hold what was answered, tokens and all.
            RequestTokenError::Parse(..) => Fault::refused("the token endpoint's answer cannot be read"),
            RequestTokenError::Other(_) => Fault::refused("the token endpoint does not answer as one"),
        })
    }

    /// What the token proves. Keys change; one that is not known is asked for.
    async fn claims<'t>(
        &self,
        token: &'t CoreIdToken,
        found: &Found,
        flow: &Flow,
    ) -> Result<&'t CoreIdTokenClaims, Fault> {
        let unknown = || Fault::refused("the token is signed with a key that the provider does not name");
        let now = (self.now)();
        match claims_of(token, found, &self.client, flow, now) {
            Ok(claims) => return Ok(claims),
            Err(TokenFault::Wrong(fault)) => return Err(fault),
            Err(TokenFault::UnknownKey) => {}
        }
        let renewed = self.known.renew_keys(found).await?;
        let found = renewed.ok_or_else(unknown)?;
        claims_of(token, &found, &self.client, flow, now).map_err(|fault| match fault {
            TokenFault::Wrong(fault) => fault,
            TokenFault::UnknownKey => unknown(),
        })
    }

    /// The person's verified address: from the token, or, where that holds none, from the user info.
    async fn email(
        &self,
        found: &Found,
        claims: &CoreIdTokenClaims,
        access: &AccessToken,
    ) -> Result<Option<String>, Fault> {
        if let Some(email) = claims.email() {
            let is_verified = claims.email_verified() == Some(true);
            return Ok(is_verified.then(|| email.to_string()));
        }
        // The library panics at a token that fits in no header.
        let fits = access.secret().bytes().all(|byte| byte.is_ascii_graphic());
        if found.description.userinfo_endpoint().is_none() || !fits {
            return Ok(None);
        }
        let asked: Result<UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>, _> = self
            .client(found)
            .user_info(access.clone(), Some(claims.subject().clone()))
            .map_err(|fault| Fault::away("its description", fault))?
            .request_async(&*self.http)
            .await;
        let told = asked.map_err(|error| match error {
            UserInfoError::Request(cause) => Fault::away("its user info", cause),
            // As above: the text may hold what was answered.
            _ => Fault::refused("the user info is not that of this person"),
        })?;
        let is_verified = told.email_verified() == Some(true);
        Ok(told
            .email()
            .filter(|_| is_verified)
            .map(|email| email.to_string()))
    }
}
