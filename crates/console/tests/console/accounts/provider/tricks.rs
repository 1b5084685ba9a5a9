//! A provider that misbehaves, and answers that were tampered with.

use super::{FLOW, Street};
use crate::accounts::{ADA, PASSWORD};
use keyward_engine::Actor;
use keyward_testkit::Trick;

/// What becomes of a sign-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    In,
    Away,
    Declined,
    Refused,
    Nobody,
}

impl End {
    const fn status(self) -> u16 {
        match self {
            Self::In => 303,
            Self::Away => 503,
            Self::Declined | Self::Nobody => 403,
            Self::Refused => 400,
        }
    }

    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::In => ["", ""],
            Self::Away => ["Example SSO does not answer", "Example SSO ne répond pas"],
            Self::Declined => [
                "Example SSO did not let you in",
                "Example SSO ne vous a pas laissé entrer",
            ],
            Self::Refused => ["This sign-in did not work", "Cette connexion n’a pas abouti"],
            Self::Nobody => [
                "There is no account for you here",
                "Il n’y a pas de compte pour vous ici",
            ],
        }
    }
}

const TABLE: [(Trick, End); 36] = [
    (Trick::None, End::In),
    (Trick::Es256, End::In),
    (Trick::SecretInBody, End::In),
    (Trick::EmailInUserInfo, End::In),
    (Trick::OtherDescription, End::Away),
    (Trick::HugeDescription, End::Away),
    (Trick::MovedDescription, End::Away),
    (Trick::BrokenDescription, End::Away),
    (Trick::TokensElsewhere, End::Away),
    (Trick::Declines, End::Declined),
    (Trick::NoIssuerInAnswer, End::Refused),
    (Trick::OtherIssuerInAnswer, End::Refused),
    (Trick::RefusesCodes, End::Refused),
    (Trick::HugeTokens, End::Away),
    (Trick::BrokenTokens, End::Refused),
    (Trick::NoIdToken, End::Refused),
    (Trick::OtherNonce, End::Refused),
    (Trick::NoNonce, End::Refused),
    (Trick::OtherAudience, End::Refused),
    (Trick::MoreAudiences, End::Refused),
    (Trick::OtherParty, End::Refused),
    (Trick::OtherIssuer, End::Refused),
    (Trick::Expired, End::Refused),
    // Five minutes are forgiven.
    (Trick::MadeALittleEarlier, End::In),
    (Trick::MadeALittleLater, End::In),
    (Trick::MadeEarlier, End::Refused),
    (Trick::MadeLater, End::Refused),
    (Trick::NoSubject, End::Refused),
    (Trick::UserInfoOfAnother, End::Refused),
    (Trick::Unsigned, End::Refused),
    (Trick::PublicKeyAsSecret, End::Refused),
    (Trick::SharedSecret, End::Refused),
    (Trick::ForeignKey, End::Refused),
    (Trick::OtherSignature, End::Refused),
    (Trick::UnverifiedEmail, End::Nobody),
    (Trick::EmailOfUnknownState, End::Nobody),
];

#[tokio::test]
async fn whatever_a_provider_does_people_are_let_in_by_proof_alone_and_told_in_plain_words() {
    let street = Street::new().await;
    for (n, (trick, end)) in TABLE.into_iter().enumerate() {
        for (language, words) in ["en", "fr"].into_iter().zip(end.words()) {
            // So that description and keys are asked for anew.
            street.wait(3600);
            street.provider.play(trick);
            street.provider.vouch_for(&format!("s-{n}-{language}"), ADA);
            let mut browser = street.house.browser(language);
            let answer = street.sign_in(&mut browser).await;
            assert_eq!(answer.status, end.status(), "{trick:?} {answer:?}");
            answer.assert_says(words);
            assert!(!answer.body.contains("you may not"), "{trick:?} {answer:?}");
            if end != End::In {
                assert_eq!(answer.value("back"), Some("/sign-in"), "{trick:?} {answer:?}");
            }
            assert!(!browser.cookies.contains_key(FLOW), "{trick:?} {browser:?}");
            let is_in = street.house.is_alive(&browser.session()).await;
            assert_eq!(is_in, end == End::In, "{trick:?}");
            if is_in {
                // So that the next one is found by the address again.
                let engine = &street.house.engine;
                engine.remove_identities(&Actor::OPERATOR, ADA).await.unwrap();
            }
        }
    }
    // Nobody is locked out by any of it.
    assert!(street.house.lets_in(ADA, PASSWORD).await);
    street.provider.play(Trick::None);
    let answer = street.sign_in(&mut street.house.browser("en")).await;
    assert_eq!(answer.location(), Some("/integrations/keys"));
}

#[tokio::test]
async fn new_keys_are_asked_for_when_a_token_names_one_and_once_a_minute_at_most() {
    let street = Street::new().await;
    let mut browser = street.house.browser("en");
    assert_eq!(street.sign_in(&mut browser).await.status, 303);
    street.provider.rotate_keys();
    for _ in 0..3 {
        assert_eq!(street.sign_in(&mut browser).await.status, 400);
    }
    assert_eq!(street.provider.asked("/keys"), 1, "within the first minute");
    street.wait(60);
    assert_eq!(street.sign_in(&mut browser).await.status, 303);
    assert_eq!(street.provider.asked("/keys"), 2);
    // Tokens that name what there is not do not make this node a nuisance.
    street.provider.play(Trick::ForeignKey);
    for _ in 0..3 {
        assert_eq!(street.sign_in(&mut browser).await.status, 400);
    }
    assert_eq!(street.provider.asked("/keys"), 2);
}

#[tokio::test]
async fn a_provider_that_takes_the_request_and_never_answers_is_away() {
    let street = Street::new().await;
    street.provider.play(Trick::Silent);
    let mut browser = street.house.browser("en");
    let answer = street.sign_in(&mut browser).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    answer.assert_says("Sign in with your password instead");
    // It is left alone for a moment, and then asked again.
    street.provider.play(Trick::None);
    assert_eq!(street.sign_in(&mut browser).await.status, 503);
    street.wait(5);
    assert_eq!(street.sign_in(&mut browser).await.status, 303);
}
