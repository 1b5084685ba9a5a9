# What stands on every page.
skip-to-content = Skip to the content
menu = Menu
nav-integrations = Integrations
nav-keys = API keys
nav-health = Health
nav-api = Management API
nav-administration = Administration
nav-users = Users
nav-sites = Sites
nav-use-cases = Use cases
nav-audit = Audit log
nav-system = System
nav-you = You
sign-out = Sign out
language = Language
theme = Theme
theme-system = Auto
theme-light = Light
theme-dark = Dark
to-start = To the start page

form-errors = Some fields need another look; nothing was changed.
save = Save
cancel = Cancel
back = Back
yes = Yes
no = No
none = None

moment-now = just now
moment-in-minutes = in { $count ->
    [one] 1 minute
   *[other] { $count } minutes
}
moment-in-hours = in { $count ->
    [one] 1 hour
   *[other] { $count } hours
}
moment-in-days = in { $count ->
    [one] 1 day
   *[other] { $count } days
}
moment-in-months = in { $count } months
moment-in-years = in { $count } years
moment-ago-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
} ago
moment-ago-hours = { $count ->
    [one] 1 hour
   *[other] { $count } hours
} ago
moment-ago-days = { $count ->
    [one] 1 day
   *[other] { $count } days
} ago
moment-ago-months = { $count } months ago
moment-ago-years = { $count } years ago

fault-not-found = There is nothing here
fault-not-found-detail = The page does not exist, or it is not yours to see.
fault-forbidden = That is not allowed
fault-forbidden-detail = Your account may not do this. An administrator can.
fault-foreign-page = This came from another page
fault-foreign-page-detail = The console takes changes from its own pages alone. Nothing was changed: open the console and do it there.
fault-old-form = This page is out of date
fault-old-form-detail = It was opened before you signed in, or in another session. Nothing was changed: load the page again and try once more.
misfit-not-named = The console does not know this address
misfit-not-named-detail = Nothing was changed. The form came from { $origin }, and nobody has told the console that it is reached there. If you opened the console there, you did nothing wrong: tell whoever runs it. If you did not, another page sent the form: close it.
misfit-not-named-operator = If people shall reach the console at { $origin }, set this in keyward.toml and restart Keyward:
misfit-another = Open the console at its own address
misfit-another-detail = Nothing was changed. The form came from { $origin }, and the console takes changes from { $known } alone. If you opened it at the first address, use the second. If you did not, another page sent the form: close it.
misfit-another-operator = The second address is the one in console.public_url. If people shall reach the console at { $origin } instead, over https, name that there and restart Keyward.
misfit-host-rewritten = The console does not know this address
misfit-host-rewritten-detail = Nothing was changed. The form came from { $origin }, and the console was asked for under another name. If you opened the console there, you did nothing wrong: tell whoever runs it. If you did not, another page sent the form: close it.
misfit-host-rewritten-operator = A proxy in front sends another Host than the browser does. Let it pass the field on as it came (nginx: proxy_set_header Host $http_host;), or let it speak TLS and set console.public_url to the https address.
misfit-without-tls = Open the console over https
misfit-without-tls-detail = Nothing was changed. The form came from { $origin }, without TLS, and the console takes changes over https alone. If you opened the console there, open it with https:// in front. If you did not, another page sent the form: close it.
misfit-without-tls-operator = console.tls is set. If a proxy stands in front, it has to speak TLS to browsers too.
misfit-way-back = Open the console at its own address
misfit-way-back-detail = Nothing was changed. You opened the console at { $origin }, and after the sign-in you would come back to { $known }, where this browser is not expected. Open it at the second address and sign in there.
misfit-way-back-operator = If people shall reach the console at { $origin }, let a proxy in front of it speak TLS, set console.public_url to its https address, and restart Keyward.
misfit-for-operator = For whoever runs Keyward
misfit-open = Open { $address }
fault-conflict = Somebody else was faster
fault-conflict-detail = What you changed has been changed meanwhile. Load the page again and look at it before you try once more.
use-case-rest-api = Call the REST API
fault-method = This page cannot be opened by itself
fault-method-detail = It is the answer to a form. Begin at the start page.
fault-too-large = That is too much
fault-too-large-detail = The form is larger than it may be. Nothing was changed.
fault-bad-request = The request cannot be taken
fault-bad-request-detail = Load the page again and try once more. Nothing was changed.
fault-unavailable = Not possible just now
fault-unavailable-detail = The database cannot take changes at the moment. Keys go on being checked. Try again in a minute.
fault-internal = Something went wrong on our side
fault-internal-detail = It has been noted in the log. Try again in a minute; if it stays, tell your administrator.

design-title = Design
design-intro = Every component in all its states: what a page is made of.

# Between two pages, for as long as a browser needs to go on.
landing = Just a moment
landing-continue = Continue
