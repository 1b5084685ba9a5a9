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
fault-forbidden-detail = Votre compte n’en a pas le droit, ou le formulaire venait d’une autre page. Rechargez la page et réessayez.
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
