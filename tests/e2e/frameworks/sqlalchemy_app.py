"""An application with SQLAlchemy and Alembic: PROGRAM DATABASE migrate VERSION | write NAME COUNT (see
test_frameworks.py). Its keys are SQLAlchemy's default: INTEGER PRIMARY KEY without AUTOINCREMENT."""

import pathlib
import sys
import tempfile

from alembic import command
from alembic.config import Config
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine
with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISIONS = {
    "1": (None, """
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String))
    op.create_table("tags", sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("note_id", sa.Integer, sa.ForeignKey("notes.id")), sa.Column("text", sa.String))
"""),
    "2": ("1", """
    with op.batch_alter_table("notes") as batch:
        batch.add_column(sa.Column("stars", sa.Integer, nullable=False, server_default="0"))
"""),
}


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Tag(Base):
    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("notes.id"))
    text: Mapped[str]


def migrate(url, version):
    with tempfile.TemporaryDirectory() as folder:
        scripts = pathlib.Path(folder)
        (scripts / "versions").mkdir()
        (scripts / "env.py").write_text(ENVIRONMENT)
        for revision, (before, body) in REVISIONS.items():
            (scripts / "versions" / f"{revision}.py").write_text(
                f"from alembic import op\nimport sqlalchemy as sa\nrevision = {revision!r}\n"
                f"down_revision = {before!r}\ndef upgrade():{body}")
        config = Config()
        config.set_main_option("script_location", folder)
        config.set_main_option("sqlalchemy.url", url)
        command.upgrade(config, version)


def write(url, name, count):
    engine = create_engine(url, connect_args={"timeout": 60})
    for number in range(count):
        with Session(engine) as session, session.begin():
            text = f"{name} {number}"
            assert session.scalar(select(Note).where(Note.text == text)) is None
            note = Note(text=text)
            session.add(note)
            session.flush()
            session.add(Tag(note_id=note.id, text=text))


if __name__ == "__main__":
    database, verb, argument, *count = sys.argv[1:]
    if verb == "migrate":
        migrate(f"sqlite:///{database}", argument)
    else:
        write(f"sqlite:///{database}", argument, int(count[0]))
