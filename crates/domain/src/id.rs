//! One id type per entity, so that a user's id cannot stand where a key's is asked for.

use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected a UUID such as 0192f0c1-2345-7abc-8def-0123456789ab")]
pub struct IdFault;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// An id from its 16 bytes (big-endian UUID).
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of the id (big-endian UUID).
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Writes the id in its one spelling, without allocating.
            pub fn encode<'b>(&self, buffer: &'b mut [u8; 36]) -> &'b str {
                self.0.hyphenated().encode_lower(buffer)
            }

            /// A version 7 UUID: ordered by `millis` (Unix milliseconds), made unique by 10 random bytes.
            pub fn v7(millis: u64, random: &[u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdFault;

            /// Only the lower-case hyphenated form, so that one id has one spelling.
            fn from_str(text: &str) -> Result<Self, IdFault> {
                let id = Uuid::try_parse(text).map_err(|_| IdFault)?;
                if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(IdFault) }
            }
        }
    };
}

typed_id!(
    /// Names a key. Not a secret; never a credential.
    KeyId
);
typed_id!(
    /// Names a user.
    UserId
);
typed_id!(
    /// Names one line of the audit log.
    AuditId
);
typed_id!(
    /// Names one run of a node.
    NodeId
);
typed_id!(
    /// Names a session of a person. Not a secret; never a credential.
    SessionId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = KeyId::v7(1_700_000_000_000, &[7; 10]);
        let text = id.to_string();
        assert_eq!(text.parse::<KeyId>(), Ok(id));
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!(" {text}"),
        ] {
            assert_eq!(other.parse::<KeyId>(), Err(IdFault), "{other}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        assert!(KeyId::v7(1, &[255; 10]) < KeyId::v7(2, &[0; 10]));
    }
}
