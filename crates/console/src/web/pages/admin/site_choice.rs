//! Which sites a user's keys may reach: every site, or some of those that there are.

use crate::app::App;
use crate::problem::Problem;
use crate::web::form::Form;
use crate::web::person::Person;
use keyward_domain::SiteName;
use keyward_engine::UserView;

/// So many sites are shown as boxes to tick; more are typed, so that the page stays small.
const MOST_BOXES: usize = 60;

/// The sites that can be chosen.
pub(super) struct SiteChoice {
    pub(super) names: Vec<SiteName>,
    /// Whether there are too many for boxes.
    pub(super) typed: bool,
}

impl SiteChoice {
    pub(super) async fn read(app: &App, person: &Person) -> Result<Self, Problem> {
        let sites = app.engine.list_sites(person.actor()).await?;
        let names: Vec<SiteName> = sites.iter().map(|site| site.name.clone()).collect();
        Ok(Self {
            typed: names.len() > MOST_BOXES,
            names,
        })
    }
}

/// What was chosen; nothing is every site. No choice at all is no choice that can be taken.
pub(super) fn chosen(form: &Form) -> Option<Vec<String>> {
    match form.text("reach") {
        "all" => None,
        "listed" => {
            let ticked = form.all("sites").map(str::to_owned);
            Some(ticked.chain(form.lines("site_lines")).collect())
        }
        _ => Some(vec![String::new()]),
    }
}

/// A form that shows a user as they are.
pub(super) fn form_of(view: &UserView, choice: &SiteChoice) -> Form {
    let user = &view.user;
    let reach = if view.sites.is_some() { "listed" } else { "all" };
    let names = view.sites.iter().flatten().map(ToString::to_string);
    let mut fields = vec![
        ("name", user.name.to_string()),
        ("role", user.role.as_str().to_owned()),
        ("reach", reach.to_owned()),
    ];
    if choice.typed {
        fields.push(("site_lines", names.collect::<Vec<_>>().join("\n")));
    } else {
        fields.extend(names.map(|name| ("sites", name)));
    }
    Form::with(fields)
}
