"""COPY BINARY of finished rows through libpq, 1000 rows per transaction: parsing and packing
happen before the clock starts."""
import io
import time

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER = b"\xff\xff"
ROWS_PER_TRANSACTION = 1000


class CopyBinary:
    name = "COPY BINARY"

    def __init__(self, session, stream, rows):
        self.session = session
        self.stream = stream
        self.rows = rows
        session.run("""
            CREATE TABLE copied (LIKE rigalpha.readings INCLUDING DEFAULTS INCLUDING STORAGE);
            CREATE UNIQUE INDEX ON copied (machine_id, ts);
            """)

    def run(self):
        """Rows per second."""
        rows = self.stream.take_copy_rows(self.rows)
        parts = [io.BytesIO(HEADER + b"".join(rows[first:first + ROWS_PER_TRANSACTION]) + TRAILER)
                 for first in range(0, self.rows, ROWS_PER_TRANSACTION)]
        self.session.run("TRUNCATE copied")
        self.session.run("CHECKPOINT")
        with self.session.connection.cursor() as cursor:
            start = time.monotonic()
            for part in parts:
                cursor.copy_expert("COPY copied FROM STDIN BINARY", part, 65536)
            return self.rows / (time.monotonic() - start)
