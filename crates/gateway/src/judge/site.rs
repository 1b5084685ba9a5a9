//! The site of a request, when its path does not name it.

use super::{Judge, Refused};
use crate::rules::Found;
use crate::settings::SiteSource;
use http::{HeaderMap, HeaderValue};
use keyward_domain::SiteName;

impl Judge<'_> {
    /// The site of a request, from where its route says.
    pub(super) fn site(
        &self,
        found: &Found<'_, '_>,
        headers: &HeaderMap,
        host: &HeaderValue,
    ) -> Result<Option<String>, Refused> {
        let site = match found.site_source {
            SiteSource::Path => return Ok(found.path_site.map(str::to_owned)),
            SiteSource::Header(name) => {
                let mut values = headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (Some(value), None) => value.to_str().ok().map(str::to_owned),
                    _ => None,
                }
            }
            SiteSource::Host(template) => host.to_str().ok().and_then(|host| template.find(host)),
        };
        match site.filter(|site| SiteName::is_valid(site)) {
            Some(site) => Ok(Some(site)),
            None => self.bad_request(&no_site(found.site_source)),
        }
    }
}

/// What to do about a request that names no site, for those who send one.
fn no_site(source: &SiteSource) -> String {
    match source {
        SiteSource::Header(name) => {
            format!("its site is read from the {name} header: send it once, as 1 to 64 of A-Z a-z 0-9 . _ -")
        }
        SiteSource::Path | SiteSource::Host(_) => {
            "its site is read from the host name, and that holds none".into()
        }
    }
}
