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
fault-forbidden-detail = Your account may not do this, or the form came from another page. Load the page again and try once more.
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
