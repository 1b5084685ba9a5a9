# Signing in, and one's own account.
sign-in = Sign in
account-email = E-mail address
account-password = Password
sign-in-refused = This e-mail address and password do not let anybody in. Check both and try again.
sign-in-slowed = Too many tries. Wait { $seconds ->
    [one] 1 second
   *[other] { NUMBER($seconds) } seconds
}, then try again.
sign-in-new = Nobody can sign in yet.
sign-in-new-detail = On the server, this command prints a one-time link by which the first administrator is made:
sign-in-help = No password, or forgotten it?
sign-in-help-detail = Ask an administrator for a one-time link. Who has a shell on the server makes one with “keyward users link” and your e-mail address.
flash-session-over = Your session has ended: sign in again.
flash-signed-out = You are signed out.

sign-in-or = or
sign-in-with = Sign in with { $name }
oidc-landing = Signing you in
oidc-landing-continue = Continue
oidc-away = { $name } does not answer
oidc-away-detail = Sign in with your password instead, or try again in a little while.
oidc-busy = Too many sign-ins at once
oidc-busy-detail = Try again in a moment, or sign in with your password.
oidc-declined = { $name } did not let you in
oidc-declined-detail = The sign-in was cancelled there, or is not permitted to you. Begin again, or sign in with your password.
oidc-refused = This sign-in did not work
oidc-refused-detail = It took more than ten minutes, was begun in another browser, or what { $name } answered proves nothing. Nothing was changed: begin again.
oidc-nobody = There is no account for you here
oidc-nobody-detail = Ask an administrator.
oidc-nobody-email = { $name } says that your e-mail address is { $email }.

code-title = Second factor
code-field = Code
code-hint = The six digits that your authenticator app shows, or a recovery code.
code-refused = This code does not let anybody in. Take the next one; after five tries, or five minutes, sign in again from the beginning.
code-begin-again = Sign in from the beginning
code-help = Lost your phone?
code-help-detail = Use one of the recovery codes that you kept. Without them, an administrator can take the second factor away.

password-new = New password
password-again = The same once more
password-rule-length = 15 to 128 characters: a few words in a row do well.
password-rule-any = Any characters, spaces too; no mix is asked for.
password-rule-not = None that is commonly used, and not made of your name or address.
password-too-short = This password is too short: it must have at least 15 characters.
password-too-long = This password is too long: it may have at most 128 characters.
password-common = This password is too easy to guess: choose a less common one.
password-contains-name = This password is hardly more than your name, your address or the name of this product: choose another.
password-differs = The two passwords are not the same: type the new one twice.
password-old = Present password

link-title = Choose a new password
link-welcome = Welcome, { $name }
link-invite-detail = Choose a password, and you are in.
link-reset-detail = It takes the place of the old one, and ends all your sessions.
link-until = This link works once. It expires
link-submit = Save and sign in
link-gone = This link is wrong, used or expired.
gone-title = This link does not work
gone-detail = It has been used, it has expired, or it is not complete. Nothing was changed.
gone-link = If you have chosen your password, sign in with it. Otherwise ask an administrator for a new link.
gone-setup = If you have made the first administrator, sign in. Otherwise this command on the server prints a new link:
gone-to-sign-in = To the sign-in page

setup-title = The first administrator
setup-detail = Whoever fills this in manages keys, users and sites of this installation.
setup-name = Name
setup-name-hint = As others see it. Without one, it is the address up to the @.
setup-submit = Create and sign in

account-title = Your account
account-intro = What others know of you, how you sign in, and where you are signed in.
account-you = You
account-name = Name
account-role = Role
account-role-admin = Administrator
account-role-member = Member
account-sites = Sites
account-sites-all = Every site
account-you-hint = An administrator can change these.
account-security = Signing in
account-password-detail = At least 15 characters. A change ends all your other sessions.
account-password-change = Change the password
account-password-effect = All your other sessions end; this one goes on.
account-wrong-password = This is not your present password.
account-wrong-code = This code is wrong or was used before: take the next one.
account-email-taken = There is a user with this e-mail address already.
account-email-fault = This is no e-mail address: write it as you@example.com.
account-name-fault = A name has 1 to 64 characters on one line.
account-appearance = Language and appearance
account-appearance-detail = The language is kept with your account, the theme in this browser.
flash-password-changed = The password is changed, and your other sessions have ended.
flash-preferences-saved = Saved.

factor-title = Second factor
factor-detail = A code from an app on your phone, asked for after the password: who learns your password still does not get in.
factor-on = On
factor-off = Off
factor-set-up = Set up
factor-manage = Manage
factor-begin-title = You need an authenticator app
factor-begin-detail = Any app that shows six digits, a new code every 30 seconds (TOTP): on your phone, or in your password manager.
factor-begin = Begin
factor-scan = 1. Tell the app
factor-scan-detail = Scan this picture with the app.
factor-qr = QR code for the authenticator app; the key stands beside it as text
factor-text = If you cannot scan it, type this key:
factor-open-app = Open in an app on this device
factor-confirm = 2. Confirm
factor-confirm-hint = The six digits that the app shows now. All your other sessions end.
factor-confirm-submit = Switch on
factor-remove = Remove the second factor
factor-remove-detail = Then the password alone lets you in.
flash-factor-removed = The second factor is removed.

recovery-title = Recovery codes
recovery-detail = Each lets you in once when the app is not at hand.
recovery-once = These codes are displayed ONLY ONCE.
recovery-keep = Copy them into your password manager, or print this page and put it away: not where the password is.
recovery-done = I have kept them
recovery-renew = Make new recovery codes
recovery-renew-detail = Ten new codes take the place of the old ones, which then work no more.
account-copy = Copy
account-copied = Copied

sessions-title = Where you are signed in
sessions-detail = A session ends after 12 hours without use, and after 7 days in any case.
sessions-browser = Browser
sessions-address = Address
sessions-seen = Last seen
sessions-since = Signed in
sessions-this = This one
sessions-end = End
sessions-end-others = End all others
sessions-unknown = unknown
flash-session-ended = The session has ended.
flash-sessions-ended = All other sessions have ended.
