//! Keys: what people see and do on the Integrations screen, in both languages.

mod edit;
mod faults;
mod health;
mod list;
mod new;
mod refused;
mod rights;
mod show;
mod state;

pub(crate) use new::created;

use crate::pages::{Browser, House};
use keyward_engine::{Actor, Created, KeyDraft, KeyView};

/// A text that would do harm if it were not escaped.
const NASTY: &str = "<script>alert(1)</script>\"'&\u{202e}😀";
const ESCAPED: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;\u{202e}😀";

/// Makes a key, without the console; gives its id and its secret.
pub(crate) async fn key(house: &House, owner: &str, edit: impl FnOnce(&mut KeyDraft)) -> (String, String) {
    let mut draft = KeyDraft {
        owner: Some(owner.to_owned()),
        name: "a key".into(),
        use_case: Some("rest-api".into()),
        ..KeyDraft::default()
    };
    edit(&mut draft);
    let made = house.engine.create_key(&Actor::OPERATOR, &draft, None).await;
    match made.unwrap() {
        Created::New(issued) => (issued.view.key.id.to_string(), issued.secret.reveal().to_owned()),
        Created::Replay(_) => panic!("nothing was repeated"),
    }
}

async fn view(house: &House, id: &str) -> KeyView {
    house.engine.get_key(&Actor::OPERATOR, id).await.unwrap()
}

async fn site(house: &House, name: &str) {
    house
        .engine
        .create_site(&Actor::OPERATOR, name, None)
        .await
        .unwrap();
}

/// Both kinds of people.
async fn people(house: &House, language: &'static str) -> [Browser; 2] {
    [house.admin(language).await, house.member(language).await]
}

pub(crate) fn path(id: &str) -> String {
    format!("/integrations/keys/{id}")
}
