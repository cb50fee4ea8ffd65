"""An application with Django: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see test_frameworks.py)."""

import pathlib
import sys
import tempfile

import django
from django.conf import settings

SOURCES = {
    "notes/__init__.py": "",
    "notes/migrations/__init__.py": "",
    "notes/models.py": """
from django.db import models
class Note(models.Model):
    text = models.TextField()
    class Meta:
        db_table = "notes"
class Tag(models.Model):
    note = models.ForeignKey(Note, models.CASCADE)
    text = models.TextField()
    class Meta:
        db_table = "tags"
""",
    "notes/migrations/0001_initial.py": """
from django.db import migrations, models
class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel("Note", [
            ("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())], {"db_table": "notes"}),
        migrations.CreateModel("Tag", [
            ("id", models.BigAutoField(primary_key=True)), ("text", models.TextField()),
            ("note", models.ForeignKey("notes.Note", models.CASCADE))], {"db_table": "tags"}),
    ]
""",
    "notes/migrations/0002_stars.py": """
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [("notes", "0001_initial")]
    operations = [
        migrations.AddField("Note", "stars", models.IntegerField(null=True)),  # rebuilds the table
    ]
""",
}


def main(database, verb, argument, count=0):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SOURCES.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        sys.path.insert(0, folder)
        settings.configure(
            DATABASES={"default": {
                "ENGINE": "django.db.backends.sqlite3", "NAME": database, "OPTIONS": {"timeout": 60}}},
            INSTALLED_APPS=["notes"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", SECRET_KEY="of a test")
        django.setup()
        if verb == "migrate":
            from django.core.management import call_command
            call_command("migrate", "notes", f"000{argument}", verbosity=0, skip_checks=True)
        else:
            write(argument, int(count))


def write(name, count):
    from django.db import transaction
    from notes.models import Note, Tag
    for number in range(count):
        text = f"{name} {number}"
        with transaction.atomic():
            assert not Note.objects.filter(text=text).exists()
            Tag.objects.create(note=Note.objects.create(text=text), text=text)


if __name__ == "__main__":
    main(*sys.argv[1:])
