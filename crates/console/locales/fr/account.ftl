# La connexion, et son propre compte.
sign-in = Se connecter
account-email = Adresse e-mail
account-password = Mot de passe
sign-in-refused = Cette adresse e-mail et ce mot de passe n’ouvrent aucun accès. Vérifiez les deux et réessayez.
sign-in-slowed = Trop de tentatives. Attendez { $seconds ->
    [one] 1 seconde
   *[other] { NUMBER($seconds) } secondes
}, puis réessayez.
sign-in-new = Personne ne peut encore se connecter.
sign-in-new-detail = Sur le serveur, cette commande affiche un lien à usage unique qui permet de créer le premier administrateur :
sign-in-help = Pas de mot de passe, ou mot de passe oublié ?
sign-in-help-detail = Demandez un lien à usage unique à un administrateur. Quiconque a un terminal sur le serveur peut en créer un avec « keyward users link » suivi de votre adresse e-mail.
flash-session-over = Votre session est terminée : reconnectez-vous.
flash-signed-out = Vous êtes déconnecté.

sign-in-or = ou
sign-in-with = Se connecter avec { $name }
oidc-landing = Connexion en cours
oidc-landing-continue = Continuer
oidc-away = { $name } ne répond pas
oidc-away-detail = Connectez-vous avec votre mot de passe, ou réessayez dans un moment.
oidc-busy = Trop de connexions à la fois
oidc-busy-detail = Réessayez dans un instant, ou connectez-vous avec votre mot de passe.
oidc-declined = { $name } ne vous a pas laissé entrer
oidc-declined-detail = La connexion y a été annulée, ou ne vous est pas permise. Recommencez, ou connectez-vous avec votre mot de passe.
oidc-refused = Cette connexion n’a pas abouti
oidc-refused-detail = Elle a duré plus de dix minutes, a été commencée dans un autre navigateur, ou la réponse de { $name } ne prouve rien. Rien n’a été modifié : recommencez.
oidc-nobody = Il n’y a pas de compte pour vous ici
oidc-nobody-detail = Adressez-vous à un administrateur.
oidc-nobody-email = Selon { $name }, votre adresse e-mail est { $email }.

code-title = Second facteur
code-field = Code
code-hint = Les six chiffres affichés par votre application d’authentification, ou un code de secours.
code-refused = Ce code n’ouvre aucun accès. Prenez le suivant ; après cinq essais ou cinq minutes, recommencez la connexion depuis le début.
code-begin-again = Recommencer la connexion
code-help = Téléphone perdu ?
code-help-detail = Utilisez l’un des codes de secours que vous avez conservés. Sans eux, un administrateur peut retirer le second facteur.

password-new = Nouveau mot de passe
password-again = Encore une fois
password-rule-length = De 15 à 128 caractères : quelques mots à la suite conviennent bien.
password-rule-any = N’importe quels caractères, espaces compris ; aucun mélange n’est exigé.
password-rule-not = Ni courant, ni formé de votre nom ou de votre adresse.
password-too-short = Ce mot de passe est trop court : il lui faut au moins 15 caractères.
password-too-long = Ce mot de passe est trop long : il peut avoir au plus 128 caractères.
password-common = Ce mot de passe est trop facile à deviner : choisissez-en un moins courant.
password-contains-name = Ce mot de passe n’est guère plus que votre nom, votre adresse ou le nom de ce produit : choisissez-en un autre.
password-differs = Les deux mots de passe diffèrent : saisissez deux fois le nouveau.
password-old = Mot de passe actuel

link-title = Choisir un nouveau mot de passe
link-welcome = Bienvenue, { $name }
link-invite-detail = Choisissez un mot de passe, et vous serez connecté.
link-reset-detail = Il remplace l’ancien et met fin à toutes vos sessions.
link-until = Ce lien ne fonctionne qu’une fois. Il expire
link-submit = Enregistrer et se connecter
link-gone = Ce lien est incorrect, déjà utilisé ou expiré.
gone-title = Ce lien ne fonctionne pas
gone-detail = Il a été utilisé, il a expiré ou il est incomplet. Rien n’a été modifié.
gone-link = Si vous avez choisi votre mot de passe, connectez-vous. Sinon, demandez un nouveau lien à un administrateur.
gone-setup = Si vous avez créé le premier administrateur, connectez-vous. Sinon, cette commande affiche un nouveau lien sur le serveur :
gone-to-sign-in = Vers la page de connexion

setup-title = Le premier administrateur
setup-detail = La personne qui remplit ce formulaire gère les clés, les utilisateurs et les sites de cette installation.
setup-name = Nom
setup-name-hint = Tel que les autres le voient. À défaut, l’adresse jusqu’au @.
setup-submit = Créer et se connecter

account-title = Votre compte
account-intro = Ce que les autres savent de vous, comment vous vous connectez et où vous êtes connecté.
account-you = Vous
account-name = Nom
account-role = Rôle
account-role-admin = Administrateur
account-role-member = Membre
account-sites = Sites
account-sites-all = Tous les sites
account-you-hint = Un administrateur peut les modifier.
account-security = Connexion
account-password-detail = Au moins 15 caractères. Un changement met fin à toutes vos autres sessions.
account-password-change = Changer le mot de passe
account-password-effect = Toutes vos autres sessions prennent fin ; celle-ci continue.
account-wrong-password = Ce n’est pas votre mot de passe actuel.
account-wrong-code = Ce code est faux ou a déjà servi : prenez le suivant.
account-email-taken = Il existe déjà un utilisateur avec cette adresse e-mail.
account-email-fault = Ce n’est pas une adresse e-mail : écrivez-la sous la forme vous@example.com.
account-name-fault = Un nom compte de 1 à 64 caractères, sur une seule ligne.
account-appearance = Langue et apparence
account-appearance-detail = La langue est conservée avec votre compte, le thème dans ce navigateur.
flash-password-changed = Le mot de passe est changé et vos autres sessions ont pris fin.
flash-preferences-saved = Enregistré.

factor-title = Second facteur
factor-detail = Un code donné par une application de votre téléphone, demandé après le mot de passe : connaître votre mot de passe ne suffit plus pour entrer.
factor-on = Activé
factor-off = Désactivé
factor-set-up = Configurer
factor-manage = Gérer
factor-begin-title = Il vous faut une application d’authentification
factor-begin-detail = Toute application qui affiche six chiffres, un nouveau code toutes les 30 secondes (TOTP) : sur votre téléphone ou dans votre gestionnaire de mots de passe.
factor-begin = Commencer
factor-scan = 1. Renseigner l’application
factor-scan-detail = Scannez cette image avec l’application.
factor-qr = Code QR pour l’application d’authentification ; la clé figure à côté sous forme de texte
factor-text = Si vous ne pouvez pas la scanner, saisissez cette clé :
factor-open-app = Ouvrir dans une application de cet appareil
factor-confirm = 2. Confirmer
factor-confirm-hint = Les six chiffres que l’application affiche maintenant. Toutes vos autres sessions prennent fin.
factor-confirm-submit = Activer
factor-remove = Retirer le second facteur
factor-remove-detail = Le mot de passe suffira alors pour entrer.
flash-factor-removed = Le second facteur est retiré.

recovery-title = Codes de secours
recovery-detail = Chacun vous laisse entrer une fois quand l’application n’est pas à portée de main.
recovery-once = Ces codes ne sont affichés QU’UNE SEULE FOIS.
recovery-keep = Copiez-les dans votre gestionnaire de mots de passe, ou imprimez cette page et rangez-la : pas avec le mot de passe.
recovery-done = Je les ai conservés
recovery-renew = Créer de nouveaux codes de secours
recovery-renew-detail = Dix nouveaux codes remplacent les anciens, qui ne fonctionnent alors plus.
account-copy = Copier
account-copied = Copié

sessions-title = Où vous êtes connecté
sessions-detail = Une session prend fin après 12 heures sans usage, et après 7 jours dans tous les cas.
sessions-browser = Navigateur
sessions-address = Adresse
sessions-seen = Dernière activité
sessions-since = Connexion
sessions-this = Celle-ci
sessions-end = Terminer
sessions-end-others = Terminer toutes les autres
sessions-unknown = inconnu
flash-session-ended = La session est terminée.
flash-sessions-ended = Toutes les autres sessions sont terminées.
