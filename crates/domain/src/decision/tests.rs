use super::*;
use crate::{RoutePattern, Template, UseCaseCatalogue, UseCaseName};
use std::net::IpAddr;

struct Case {
    key: KeyRecord,
    owner: OwnerRecord,
    site: RequestSite,
    client: ClientAddress,
    method: &'static str,
    now: i64,
}

fn catalogue() -> UseCaseCatalogue {
    let routes = vec![RoutePattern {
        methods: vec!["GET".into()],
        path: Template::parse("/api/{site}/**").unwrap(),
    }];
    let name = UseCaseName::new("read").unwrap();
    UseCaseCatalogue::new(vec![UseCase {
        name,
        title: String::new(),
        routes: Some(routes),
    }])
    .unwrap()
}

/// A request that is granted; every row spoils one thing.
fn good() -> Case {
    let read = catalogue().number_of(&UseCaseName::new("read").unwrap());
    Case {
        key: KeyRecord {
            id: KeyId::from_bytes([1; 16]),
            active: true,
            expiry: Expiry::from(Some(Timestamp::from_millis(1000))),
            use_case: read,
            sites: SiteRule::listed([SiteId(1), SiteId(2)]),
            addresses: AddressRule::listed(["192.0.2.0/24"]).unwrap(),
            limit: None,
        },
        owner: OwnerRecord {
            id: UserId::from_bytes([2; 16]),
            valid: true,
            sites: SiteRule::listed([SiteId(1)]),
        },
        site: RequestSite::Open(SiteId(1)),
        client: ClientAddress::from(IpAddr::from([192, 0, 2, 9])),
        method: "GET",
        now: 999,
    }
}

impl Case {
    fn with(mut self, spoil: impl FnOnce(&mut Self)) -> Self {
        spoil(&mut self);
        self
    }

    fn decide(&self) -> Result<(), Reason> {
        let catalogue = catalogue();
        let path = StrictPath::parse(b"/api/1/x").unwrap();
        let facts = RequestFacts {
            site: self.site,
            client: self.client,
            method: self.method,
            path,
        };
        let use_case = catalogue.get(self.key.use_case);
        decide(
            &self.key,
            &self.owner,
            use_case,
            &facts,
            Timestamp::from_millis(self.now),
        )
    }
}

#[test]
fn each_condition_of_the_mission_refuses_with_its_own_reason() {
    let rows: [(&str, Case, Result<(), Reason>); 16] = [
        ("all conditions met", good(), Ok(())),
        (
            "owner not valid",
            good().with(|c| c.owner.valid = false),
            Err(Reason::OwnerInactive),
        ),
        (
            "not active",
            good().with(|c| c.key.active = false),
            Err(Reason::KeyDisabled),
        ),
        (
            "at expiry",
            good().with(|c| c.now = 1000),
            Err(Reason::KeyExpired),
        ),
        (
            "no expiry",
            good().with(|c| (c.key.expiry, c.now) = (Expiry::from(None), i64::MAX)),
            Ok(()),
        ),
        (
            "site of the key only",
            good().with(|c| c.site = RequestSite::Open(SiteId(2))),
            Err(Reason::SiteForbidden),
        ),
        (
            "site of nobody",
            good().with(|c| c.site = RequestSite::Open(SiteId(3))),
            Err(Reason::SiteForbidden),
        ),
        (
            "no site, restricted key",
            good().with(|c| c.site = RequestSite::None),
            Err(Reason::SiteForbidden),
        ),
        (
            "unregistered site",
            good().with(|c| c.site = RequestSite::Unregistered),
            Err(Reason::SiteForbidden),
        ),
        (
            "empty site list",
            good().with(|c| c.key.sites = SiteRule::listed([])),
            Err(Reason::SiteForbidden),
        ),
        (
            "disabled site",
            good().with(|c| c.site = RequestSite::Disabled),
            Err(Reason::SiteForbidden),
        ),
        (
            "unknown client",
            good().with(|c| c.client = ClientAddress::Unknown),
            Err(Reason::IpForbidden),
        ),
        (
            "empty address list",
            good().with(|c| c.key.addresses = AddressRule::listed([]).unwrap()),
            Err(Reason::IpForbidden),
        ),
        (
            "no address rule",
            good().with(|c| (c.key.addresses, c.client) = (AddressRule::ANY, ClientAddress::Unknown)),
            Ok(()),
        ),
        (
            "method not opened",
            good().with(|c| c.method = "POST"),
            Err(Reason::UseCaseForbidden),
        ),
        (
            "use case gone from the configuration",
            good().with(|c| c.key.use_case = catalogue().number_of(&UseCaseName::new("gone").unwrap())),
            Err(Reason::UseCaseForbidden),
        ),
    ];
    for (name, case, wanted) in rows {
        assert_eq!(case.decide(), wanted, "{name}");
    }
}

#[test]
fn a_key_without_restrictions_reaches_every_site_but_a_disabled_one() {
    let free = || good().with(|c| (c.key.sites, c.owner.sites) = (SiteRule::ANY, SiteRule::ANY));
    for site in [
        RequestSite::None,
        RequestSite::Unregistered,
        RequestSite::Open(SiteId(9)),
    ] {
        assert_eq!(free().with(|c| c.site = site).decide(), Ok(()), "{site:?}");
    }
    assert_eq!(
        free().with(|c| c.site = RequestSite::Disabled).decide(),
        Err(Reason::SiteForbidden)
    );
}

/// Everything is wrong at once; mending the first reason shows the next.
#[test]
fn the_order_is_fixed() {
    let mut case = good().with(|c| {
        c.owner.valid = false;
        c.key.active = false;
        c.now = 1000;
        c.site = RequestSite::None;
        c.client = ClientAddress::Unknown;
        c.method = "POST";
    });
    type Mend = fn(&mut Case);
    let mends: [(Reason, Mend); 6] = [
        (Reason::OwnerInactive, |c| c.owner.valid = true),
        (Reason::KeyDisabled, |c| c.key.active = true),
        (Reason::KeyExpired, |c| c.now = 999),
        (Reason::SiteForbidden, |c| c.site = RequestSite::Open(SiteId(1))),
        (Reason::IpForbidden, |c| c.client = good().client),
        (Reason::UseCaseForbidden, |c| c.method = "GET"),
    ];
    for (reason, mend) in mends {
        assert_eq!(case.decide(), Err(reason));
        mend(&mut case);
    }
    assert_eq!(case.decide(), Ok(()));
}

#[test]
fn a3_only_management_keys_manage() {
    let catalogue = catalogue();
    let decide_for = |name: &str, client| {
        let case = good();
        let use_case = catalogue.find(name);
        decide_management(
            &case.key,
            &case.owner,
            use_case,
            client,
            Timestamp::from_millis(case.now),
        )
    };
    assert_eq!(decide_for("management", good().client), Ok(()));
    assert_eq!(decide_for("read", good().client), Err(Reason::UseCaseForbidden));
    assert_eq!(
        decide_for("management", ClientAddress::Unknown),
        Err(Reason::IpForbidden)
    );
}

#[test]
fn codes_are_stable_and_round_trip() {
    for reason in Reason::ALL {
        assert_eq!(Reason::from_code(reason.code()), Some(reason));
        assert!(matches!(reason.status(), 401 | 403 | 429));
    }
}
