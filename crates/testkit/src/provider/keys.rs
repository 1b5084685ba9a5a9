//! The keys of a provider, and what it signs with them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::process::Command;

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// An RSA key and an elliptic one, by names.
pub(super) struct Keys {
    rsa: RsaKeyPair,
    curve: EcdsaKeyPair,
    name: String,
}

impl Keys {
    pub(super) fn make(name: &str) -> Self {
        let options = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
        let made = Command::new("openssl").args(options).output();
        let made = made.expect("openssl, which makes RSA keys: install the package openssl");
        let rsa = PrivatePkcs8KeyDer::from_pem_slice(&made.stdout).expect("a key in PEM from openssl");
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let curve = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("an elliptic key");
        Self {
            rsa: RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).expect("the RSA key that openssl made"),
            curve: EcdsaKeyPair::from_pkcs8(kind, curve.as_ref(), &random).expect("an elliptic key"),
            name: name.to_owned(),
        }
    }

    /// The public halves, as a JWK set has them.
    pub(super) fn public(&self) -> [Value; 2] {
        let rsa: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        let point = self.curve.public_key().as_ref();
        [
            json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": format!("{}-rsa", self.name),
                    "n": base64(rsa.n), "e": base64(rsa.e) }),
            json!({ "kty": "EC", "use": "sig", "alg": "ES256", "kid": format!("{}-ec", self.name), "crv": "P-256",
                    "x": base64(&point[1..33]), "y": base64(&point[33..]) }),
        ]
    }

    pub(super) fn rs256(&self, claims: &Value) -> String {
        let signed = self.unsigned("RS256", "rsa", claims);
        let mut signature = vec![0; self.rsa.public().modulus_len()];
        self.rsa
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("an RSA signature");
        format!("{signed}.{}", base64(signature))
    }

    pub(super) fn es256(&self, claims: &Value) -> String {
        let signed = self.unsigned("ES256", "ec", claims);
        let signature = self.curve.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", base64(signature.expect("an elliptic signature")))
    }

    /// With a shared secret, under the name of the public RSA key.
    pub(super) fn hs256(&self, secret: &[u8], claims: &Value) -> String {
        let signed = self.unsigned("HS256", "rsa", claims);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        format!("{signed}.{}", base64(ring::hmac::sign(&key, signed.as_bytes())))
    }

    /// The public RSA key as bytes that everybody can have.
    pub(super) fn public_bytes(&self) -> &[u8] {
        self.rsa.public().as_ref()
    }

    pub(super) fn unsigned(&self, algorithm: &str, kind: &str, claims: &Value) -> String {
        let head = json!({ "alg": algorithm, "typ": "JWT", "kid": format!("{}-{kind}", self.name) });
        format!("{}.{}", base64(head.to_string()), base64(claims.to_string()))
    }
}
