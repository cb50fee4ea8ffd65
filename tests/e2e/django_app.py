"""A Django project in one file: `django_app.py DATABASE [PREFIX]` runs its migrations and makes some users.

It stands for an unmodified application: Django's own tables, its default transactions (begun deferred, reading
before they write), and ids that SQLite gives out."""

import sys

import django
from django.conf import settings

USERS = 20

TEMPLATES = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}


def main(database, prefix="user"):
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        INSTALLED_APPS=[f"django.contrib.{app}"
                        for app in ("admin", "auth", "contenttypes", "sessions", "messages", "sites")],
        TEMPLATES=[TEMPLATES], SECRET_KEY="of a test", SITE_ID=1)
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0, skip_checks=True)
    for number in range(USERS):
        with transaction.atomic():
            assert User.objects.count() == number
            User.objects.create_user(f"{prefix}{number}")
    print(User.objects.count())


if __name__ == "__main__":
    main(*sys.argv[1:])
