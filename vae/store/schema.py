"""Tables of the run store. Every column of `metrics` has the same name in CSV files and in the JSON."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

# 2: what has been measured on runs (classifiers, measurements). 3: names that people give (tags, note), runs that were
# deleted and may come back, sweeps, images of one's own. 4: who asked (visitor), the order of the queue (ticket), which
# requests are the same (fingerprint). 5: metrics without a column of their own (extra). 6: rooms, in which a class
# answers (rooms, room_answers).
# How an older database is brought up: one file each in `migrations/versions`, also from now on.
SCHEMA_VERSION = 6
REVISION = f"{SCHEMA_VERSION:04d}"
OLD_VERSION = "schema_version"  # the table that held the version up to 3

metadata = MetaData()

# Alembic's own table. Optuna's, in the same database, is called alembic_version.
version = Table("latent_twins_schema", metadata, Column("version_num", String(32), primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("config", JSON, nullable=False),
    # queued → running → done | stopped | failed | interrupted
    Column("status", String(12), nullable=False),
    Column("error", Text),  # one sentence for people
    Column("stop_requested", Boolean, nullable=False, default=False),
    Column("epoch", Integer, nullable=False, default=-1),  # last one recorded; 0 is the state before training
    Column("attempt", Integer, nullable=False, default=0),  # only the newest attempt may write
    Column("owner", String(40), nullable=False),  # the dashboard or command that answers for it
    Column("pulse", Integer, nullable=False, default=0),  # grows while its owner or its worker lives
    Column("versions", JSON),  # of Python and the libraries that trained it
    Column("data", JSON),  # hash, shape, classes, split, mean-image line
    Column("split_hash", ForeignKey("splits.hash")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("queued_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Column("seconds", Float, nullable=False, default=0.0),  # sum over its epochs, without waiting
    Column("tags", JSON),  # a list of words; none: no tag
    Column("note", Text),
    Column("deleted_at", DateTime(timezone=True)),  # not shown from then on; may be brought back until it is purged
    Column("visitor", String(64)),  # who asked for it; none: the command line
    Column("ticket", BigInteger, nullable=False, server_default="0"),  # order in the queue: clocks may go backwards
    Column("fingerprint", String(64)),  # of its config: the same request has the same one
    Index("runs_by_status", "status", "queued_at"),
    Index("runs_by_age", "created_at"),
    Index("runs_by_fingerprint", "fingerprint"),
    Index("runs_by_ticket", "ticket"),
)

splits = Table(  # row numbers of training and validation images; many runs share one
    "splits",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("seed", Integer, nullable=False),
    Column("rows", LargeBinary, nullable=False),  # safetensors {train, validation}
)

metrics = Table(
    "metrics",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("variant", String(16), primary_key=True),
    Column("split", String(12), primary_key=True),  # validation, train (when none is set aside) or test
    Column("epoch", Integer, primary_key=True),
    Column("loss", Float, nullable=False),
    Column("reconstruction", Float, nullable=False),
    Column("kl", Float),
    Column("kl_per_dim", JSON),
    Column("mse_from_mean", Float, nullable=False),
    Column("mse_from_sample", Float),
    Column("active_units", Integer, nullable=False),
    Column("seconds", Float),  # of the epoch, all variants together
    Column("extra", JSON(none_as_null=True)),  # by name: metrics that came later, which have no column of their own
)


def _blobs(name: str, *keys: Column) -> Table:
    return Table(
        name,
        metadata,
        Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        *keys,
        Column("payload", LargeBinary, nullable=False),  # safetensors
    )


def _per_epoch() -> tuple[Column, Column]:
    return Column("variant", String(16), primary_key=True), Column("epoch", Integer, primary_key=True)


snapshots = _blobs("snapshots", *_per_epoch())
weights = _blobs("weights", *_per_epoch())
originals = _blobs("originals")  # the watched images and their labels
checkpoints = _blobs("checkpoints", Column("epoch", Integer, nullable=False))  # removed when a run is done

# What has been measured on runs: kept because it takes seconds, and may be thrown away at any time.

classifiers = Table(
    "classifiers",
    metadata,
    Column("dataset_hash", String(64), primary_key=True),
    Column("accuracy", Float, nullable=False),  # on the test images
    Column("payload", LargeBinary, nullable=False),  # safetensors
)

measurements = Table(
    "measurements",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("kind", String(40), primary_key=True),  # what was measured, and by which version of the procedure
    Column("rows", JSON, nullable=False),  # a list of records
)

# Many runs asked for at once. Optuna keeps its own tables (studies, trials, …) in the same database.

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", String(12), primary_key=True),  # also the name of its Optuna study
    Column("name", String(200), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("status", String(12), nullable=False),  # running → done | stopped | failed
    Column("error", Text),
    Column("owner", String(40), nullable=False),  # the dashboard or command that moves it on
    Column("pulse", Integer, nullable=False, default=0),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Column("visitor", String(64)),  # who asked for it, and for all its runs
)

sweep_runs = Table(  # one row per point and seed, so that none is trained, or counted, twice
    "sweep_runs",
    metadata,
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the Optuna trial
    Column("seed", BigInteger, primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Index("sweep_runs_by_run", "run_id"),
)

uploads = Table(  # images of one's own, by their content: workers anywhere read them here
    "uploads",
    metadata,
    Column("hash", String(64), primary_key=True),  # Images.hash
    Column("name", String(80), nullable=False),
    Column("info", JSON, nullable=False),  # shape, classes, counts: what is known without reading the payload
    Column("payload", LargeBinary, nullable=False),  # safetensors
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("visitor", String(64)),  # who brought them first
)

# A class that answers on its phones. Of who answers there is a hash that is another one in every room.

rooms = Table(
    "rooms",
    metadata,
    Column("code", String(12), primary_key=True),  # what people type
    Column("visitor", String(64), nullable=False),  # who opened it
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column(
        "last_asked", DateTime(timezone=True), nullable=False
    ),  # a question, or its opening: it ends some hours later
    Column("closed", Boolean, nullable=False),  # ended before that
    Column("claim", Integer),  # shown now; none: nothing was asked yet
    Column("choices", Integer),  # how many answers that claim offers
    Column("revealed", JSON, nullable=False),  # by claim: what was measured, in a sentence, and which choice that gives
)

room_answers = Table(
    "room_answers",
    metadata,
    Column("room", ForeignKey("rooms.code", ondelete="CASCADE"), primary_key=True),
    Column("claim", Integer, primary_key=True),
    Column("visitor", String(64), primary_key=True),  # so that one is counted once
    Column("choice", Integer, nullable=False),  # from 0
)
