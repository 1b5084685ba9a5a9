# Ce qui se trouve sur chaque page.
skip-to-content = Aller au contenu
menu = Menu
nav-integrations = Intégrations
nav-keys = Clés d’API
nav-health = Santé
nav-api = API de gestion
nav-administration = Administration
nav-users = Utilisateurs
nav-sites = Sites
nav-use-cases = Cas d’usage
nav-audit = Journal d’audit
nav-system = Système
nav-you = Vous
sign-out = Se déconnecter
language = Langue
theme = Thème
theme-system = Auto
theme-light = Clair
theme-dark = Sombre
to-start = Vers la page d’accueil

form-errors = Certains champs sont à revoir ; rien n’a été modifié.
save = Enregistrer
cancel = Annuler
back = Retour
yes = Oui
no = Non
none = Aucun

moment-now = à l’instant
moment-in-minutes = dans { $count ->
    [one] 1 minute
   *[other] { $count } minutes
}
moment-in-hours = dans { $count ->
    [one] 1 heure
   *[other] { $count } heures
}
moment-in-days = dans { $count ->
    [one] 1 jour
   *[other] { $count } jours
}
moment-in-months = dans { $count } mois
moment-in-years = dans { $count } ans
moment-ago-minutes = il y a { $count ->
    [one] 1 minute
   *[other] { $count } minutes
}
moment-ago-hours = il y a { $count ->
    [one] 1 heure
   *[other] { $count } heures
}
moment-ago-days = il y a { $count ->
    [one] 1 jour
   *[other] { $count } jours
}
moment-ago-months = il y a { $count } mois
moment-ago-years = il y a { $count } ans

fault-not-found = Il n’y a rien ici
fault-not-found-detail = La page n’existe pas, ou vous n’y avez pas accès.
fault-forbidden = Ce n’est pas permis
fault-forbidden-detail = Votre compte n’en a pas le droit. Un administrateur le peut.
fault-foreign-page = Cela venait d’une autre page
fault-foreign-page-detail = La console n’accepte de modifications que depuis ses propres pages. Rien n’a été modifié : ouvrez la console et recommencez-y.
fault-old-form = Cette page n’est plus à jour
fault-old-form-detail = Elle a été ouverte avant votre connexion, ou dans une autre session. Rien n’a été modifié : rechargez la page et réessayez.
misfit-not-named = La console ne connaît pas cette adresse
misfit-not-named-detail = Rien n’a été modifié. Le formulaire venait de { $origin }, et la console ne sait pas qu’on l’atteint à cette adresse. Si c’est là que vous l’avez ouverte, vous n’y êtes pour rien : prévenez la personne qui exploite Keyward. Sinon, une autre page a envoyé le formulaire : fermez-la.
misfit-not-named-operator = Si la console doit être accessible à l’adresse { $origin }, indiquez ceci dans keyward.toml et redémarrez Keyward :
misfit-another = Ouvrez la console à sa propre adresse
misfit-another-detail = Rien n’a été modifié. Le formulaire venait de { $origin }, et la console n’accepte de modifications que depuis { $known }. Si vous l’avez ouverte à la première adresse, utilisez la seconde. Sinon, une autre page a envoyé le formulaire : fermez-la.
misfit-another-operator = La seconde adresse est celle de console.public_url. Si la console doit plutôt être accessible à l’adresse { $origin }, en https, indiquez-la dans ce réglage et redémarrez Keyward.
misfit-host-rewritten = La console ne connaît pas cette adresse
misfit-host-rewritten-detail = Rien n’a été modifié. Le formulaire venait de { $origin }, et la console a été demandée sous un autre nom. Si c’est là que vous l’avez ouverte, vous n’y êtes pour rien : prévenez la personne qui exploite Keyward. Sinon, une autre page a envoyé le formulaire : fermez-la.
misfit-host-rewritten-operator = Un proxy placé devant la console envoie un autre Host que le navigateur. Faites-lui transmettre ce champ tel quel (nginx : proxy_set_header Host $http_host;), ou faites-lui parler TLS et indiquez l’adresse https dans console.public_url.
misfit-without-tls = Ouvrez la console en https
misfit-without-tls-detail = Rien n’a été modifié. Le formulaire venait de { $origin }, sans TLS, et la console n’accepte de modifications qu’en https. Si c’est là que vous l’avez ouverte, ouvrez-la avec https:// devant l’adresse. Sinon, une autre page a envoyé le formulaire : fermez-la.
misfit-without-tls-operator = console.tls est renseigné. Si un proxy se trouve devant la console, il doit lui aussi parler TLS aux navigateurs.
misfit-way-back = Ouvrez la console à sa propre adresse
misfit-way-back-detail = Rien n’a été modifié. Vous avez ouvert la console à l’adresse { $origin }, et après la connexion vous reviendriez à { $known }, où ce navigateur n’est pas attendu. Ouvrez-la à la seconde adresse et connectez-vous là.
misfit-way-back-operator = Si la console doit être accessible à l’adresse { $origin }, placez devant elle un proxy qui parle TLS, indiquez son adresse https dans console.public_url et redémarrez Keyward.
misfit-for-operator = Pour la personne qui exploite Keyward
misfit-open = Ouvrir { $address }
fault-conflict = Quelqu’un a été plus rapide
fault-conflict-detail = Ce que vous modifiez a changé entre-temps. Rechargez la page et vérifiez avant de réessayer.
use-case-rest-api = Appeler l’API REST
fault-method = Cette page ne peut pas être ouverte seule
fault-method-detail = C’est la réponse à un formulaire. Repartez de la page d’accueil.
fault-too-large = C’est trop volumineux
fault-too-large-detail = Le formulaire dépasse la taille permise. Rien n’a été modifié.
fault-bad-request = La demande ne peut pas être traitée
fault-bad-request-detail = Rechargez la page et réessayez. Rien n’a été modifié.
fault-unavailable = Impossible pour le moment
fault-unavailable-detail = La base de données n’accepte pas de modification pour l’instant. Les clés continuent d’être vérifiées. Réessayez dans une minute.
fault-internal = Une erreur s’est produite de notre côté
fault-internal-detail = Elle a été notée dans le journal. Réessayez dans une minute ; si elle persiste, prévenez votre administrateur.

design-title = Charte
design-intro = Chaque composant dans tous ses états : ce dont une page est faite.

# Between two pages, for as long as a browser needs to go on.
landing = Un instant
landing-continue = Continuer
