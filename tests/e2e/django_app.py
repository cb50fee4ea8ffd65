"""A Django project in one file.

`django_app.py DATABASE [PREFIX]` runs its migrations and makes some users. `django_app.py DATABASE PREFIX COUNT` makes
COUNT users, each with a membership in a group and an entry of the admin's log that names it.

It stands for an unmodified application: Django's own tables, its default transactions (begun deferred, reading
before they write), and ids that SQLite gives out."""

import sys

import django
from django.conf import settings

USERS = 20

TEMPLATES = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}


def main(database, prefix="user", count=None):
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
    if count is not None:
        make_members(prefix, int(count))
        return
    for number in range(USERS):
        with transaction.atomic():
            assert User.objects.count() == number
            User.objects.create_user(f"{prefix}{number}")
    print(User.objects.count())


def make_members(prefix, count):
    from django.contrib.admin.models import ADDITION, LogEntry
    from django.contrib.auth.models import Group, User
    from django.db import transaction

    for number in range(count):
        with transaction.atomic():
            user = User.objects.create_user(f"{prefix} {number}")
            user.groups.add(Group.objects.create(name=user.username))
            LogEntry.objects.create(user=user, object_repr=user.username, action_flag=ADDITION, change_message="")


if __name__ == "__main__":
    main(*sys.argv[1:])
