//! Access tokens: RS256 JWTs, the keys that sign and check them, and the public keys for others (JWKS, RFC 7517).

pub mod erased;

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    errors::ErrorKind,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use serde::{Deserialize, Serialize};

/// Who issues the tokens.
const ISSUER: &str = "learnflow";
/// Whom they are for.
const AUDIENCE: &str = "learnflow";
/// How far the clocks of two replicas may differ, in seconds.
const LEEWAY: u64 = 5;

/// What a token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// User id.
    pub sub: String,
    /// "student" | "teacher" | "admin".
    pub role: String,
    /// What the role allows, for clients that adapt their pages to it; the services decide by the role.
    pub permissions: Vec<String>,
    /// Issued at, seconds since 1970.
    pub iat: u64,
    /// Expires at, seconds since 1970.
    pub exp: u64,
    /// Issuer.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Token id, unique.
    pub jti: String,
}

/// Why a token is not accepted, or a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token has expired.
    #[error("the token has expired: sign in again")]
    Expired,
    /// The token names a key that is not known (any more, or yet).
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The token is not one of ours.
    #[error("the token is invalid")]
    Invalid,
    /// A key cannot be used.
    #[error("signing key {kid}: {reason}")]
    Key {
        /// The key's id.
        kid: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A private key as kept in the secret store.
pub struct PrivateKey<'a> {
    /// Key id.
    pub kid: &'a str,
    /// RSA, 2048 bits or more, PKCS#8 PEM.
    pub pem: &'a str,
}

/// Public keys: they check tokens.
pub struct PublicKeys {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl PublicKeys {
    /// Reads a JWK Set, as the gateway publishes it.
    ///
    /// # Errors
    /// [`AuthError::Key`] when it is none, or a key in it is not a usable RSA key.
    pub fn from_jwks(jwks: &str) -> Result<Self, AuthError> {
        let failed = |error: serde_json::Error| AuthError::Key { kid: "set".to_owned(), reason: error.to_string() };
        Self::new(&serde_json::from_str(jwks).map_err(failed)?)
    }

    fn new(set: &JwkSet) -> Result<Self, AuthError> {
        let mut keys = HashMap::new();
        for key in &set.keys {
            let kid = key.common.key_id.clone().unwrap_or_default();
            let decoding = DecodingKey::from_jwk(key)
                .map_err(|error| AuthError::Key { kid: kid.clone(), reason: error.to_string() })?;
            keys.insert(kid, decoding);
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "sub", "iss", "aud"]);
        validation.leeway = LEEWAY;
        Ok(Self { keys, validation })
    }

    /// The claims of a token, if it is one of ours and has not expired.
    ///
    /// # Errors
    /// [`AuthError`] says why not.
    pub fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let header = decode_header(token).map_err(|_| AuthError::Invalid)?;
        let kid = header.kid.ok_or(AuthError::Invalid)?;
        let key = self.keys.get(&kid).ok_or(AuthError::UnknownKey)?;
        match decode::<Claims>(token, key, &self.validation) {
            Ok(token) => Ok(token.claims),
            Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => Err(AuthError::Expired),
            Err(_) => Err(AuthError::Invalid),
        }
    }
}

/// The keys in use: the current one signs, the next one is published ahead so that nobody meets it unprepared.
pub struct Keys {
    current: (String, EncodingKey),
    public: PublicKeys,
    published: JwkSet,
}

impl Keys {
    /// Signs with `current`; checks with it and all of `others`.
    ///
    /// # Errors
    /// [`AuthError::Key`] when a key is not a usable RSA key.
    pub fn new(current: &PrivateKey<'_>, others: &[PrivateKey<'_>]) -> Result<Self, AuthError> {
        let mut published = JwkSet { keys: Vec::new() };
        let signing = Self::add(current, &mut published)?;
        for other in others {
            Self::add(other, &mut published)?;
        }
        Ok(Self { current: (current.kid.to_owned(), signing), public: PublicKeys::new(&published)?, published })
    }

    fn add(key: &PrivateKey<'_>, published: &mut JwkSet) -> Result<EncodingKey, AuthError> {
        let failed =
            |error: jsonwebtoken::errors::Error| AuthError::Key { kid: key.kid.to_owned(), reason: error.to_string() };
        let signing = EncodingKey::from_rsa_pem(key.pem.as_bytes()).map_err(failed)?;
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::RS256).map_err(failed)?;
        public.common.key_id = Some(key.kid.to_owned());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        published.keys.push(public);
        Ok(signing)
    }

    /// A token for a user, good for `lifetime` seconds.
    ///
    /// # Errors
    /// [`AuthError::Key`] when signing fails.
    pub fn issue(&self, user_id: &str, role: &str, lifetime: u64, token_id: String) -> Result<String, AuthError> {
        let iat = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = Claims {
            sub: user_id.to_owned(),
            role: role.to_owned(),
            permissions: permissions(role).iter().map(ToString::to_string).collect(),
            iat,
            exp: iat + lifetime,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            jti: token_id,
        };
        let (kid, key) = &self.current;
        let header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::RS256) };
        encode(&header, &claims, key).map_err(|error| AuthError::Key { kid: kid.clone(), reason: error.to_string() })
    }

    /// The claims of a token, if it is one of ours and has not expired.
    ///
    /// # Errors
    /// [`AuthError`] says why not.
    pub fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        self.public.verify(token)
    }

    /// The public keys, the current one first.
    pub fn published(&self) -> &JwkSet {
        &self.published
    }
}

/// What a role allows.
fn permissions(role: &str) -> &'static [&'static str] {
    match role {
        "student" => &["learn", "read:own"],
        "teacher" => &["learn", "read:own", "read:students", "generate:exercises", "manage:classes"],
        "admin" => &["learn", "read:own", "read:students", "generate:exercises", "manage:classes", "manage:users"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::{AsDer as _, Pkcs8V1Der},
        rsa::{KeyPair, KeySize},
    };
    use jsonwebtoken::get_current_timestamp;

    use super::*;

    fn new_key() -> String {
        let der: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()))
    }

    /// FR-002: tokens of this key and the next are accepted; strangers', expired and altered ones are not.
    #[test]
    fn accepts_only_its_own_unexpired_tokens() {
        let (one, two, three) = (new_key(), new_key(), new_key());
        let (one, two, three) = (
            PrivateKey { kid: "1", pem: &one },
            PrivateKey { kid: "2", pem: &two },
            PrivateKey { kid: "3", pem: &three },
        );
        let keys = Keys::new(&one, &[PrivateKey { ..two }]).unwrap();
        let after_rotation = Keys::new(&two, &[one]).unwrap();
        let stranger = Keys::new(&three, &[]).unwrap();
        let impostor = Keys::new(&PrivateKey { kid: "1", ..three }, &[]).unwrap();

        let token = keys.issue("ada", "student", 60, "t1".to_owned()).unwrap();
        let claims = keys.verify(&token).unwrap();
        assert_eq!((claims.sub.as_str(), claims.role.as_str()), ("ada", "student"));
        assert_eq!(claims.exp - claims.iat, 60);
        assert!(after_rotation.verify(&token).is_ok(), "a token outlives the rotation of its key");
        assert!(keys.verify(&after_rotation.issue("ada", "student", 60, "t2".to_owned()).unwrap()).is_ok());

        assert!(matches!(stranger.verify(&token), Err(AuthError::UnknownKey)));
        assert!(matches!(impostor.verify(&token), Err(AuthError::Invalid)));
        let mut altered = token.clone().into_bytes();
        let middle = altered.len() / 2;
        altered[middle] ^= 1;
        assert!(keys.verify(&String::from_utf8(altered).unwrap()).is_err());

        let expired = Claims { exp: get_current_timestamp() - 60, ..claims };
        let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::RS256) };
        let expired = encode(&header, &expired, &keys.current.1).unwrap();
        assert!(matches!(keys.verify(&expired), Err(AuthError::Expired)));
        let unsigned = format!("{}.{}.", "eyJhbGciOiJub25lIiwia2lkIjoiMSJ9", token.split('.').nth(1).unwrap());
        assert!(keys.verify(&unsigned).is_err());

        let published: Vec<_> = keys.published().keys.iter().map(|key| key.common.key_id.clone().unwrap()).collect();
        assert_eq!(published, ["1", "2"]);
        let jwks = serde_json::to_string(keys.published()).unwrap();
        assert!(!jwks.contains("\"d\""), "private parts stay private");
        let public = PublicKeys::from_jwks(&jwks).unwrap();
        assert_eq!(public.verify(&token).unwrap().sub, "ada");
        assert!(PublicKeys::from_jwks("{}").is_err());
    }
}
