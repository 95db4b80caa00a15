-- The record of runs. One file holds many runs; a run is a sequence of events that are never changed or removed.
-- The events are the record. measurement, cell, series_chunk and artifact repeat parts of them as typed columns, written in
-- the same transaction, so that people can ask questions in SQL; `kiln verify` checks that they agree with the events.
-- Times: *_utc_ns are nanoseconds since 1970-01-01T00:00:00Z, *_monotonic_ns are CLOCK_MONOTONIC of the station.
-- Sequences count from 1 inside a run, without gaps.

-- Facts about this file itself.
CREATE TABLE meta (
  name TEXT NOT NULL PRIMARY KEY,  -- what the fact is about: schema_version, created_utc
  value TEXT NOT NULL              -- the fact, as text
) STRICT, WITHOUT ROWID;

-- One row per run, written before anything is done to hardware.
CREATE TABLE run (
  number INTEGER PRIMARY KEY,           -- short key used by the other tables
  id TEXT NOT NULL UNIQUE,              -- R-YYYYMMDD-HHMMSS-xxxx (UTC), also the name of its lock file
  begun_monotonic_ns INTEGER NOT NULL,  -- when the ledger was opened, monotonic clock
  begun_utc_ns INTEGER NOT NULL,        -- when the ledger was opened, UTC
  pid INTEGER NOT NULL,                 -- process that wrote the run
  boot_id TEXT NOT NULL,                -- of the station; monotonic times compare only within one boot
  kiln_version TEXT NOT NULL            -- of the program that wrote the run
) STRICT;

-- How far each run is committed. The only rows that move, and only forward: a cut tail does not fit its head.
CREATE TABLE head (
  run INTEGER NOT NULL PRIMARY KEY REFERENCES run(number),  -- the run
  sequence INTEGER NOT NULL,                                -- of its last event; 0 = none yet
  utc_ns INTEGER NOT NULL,                                  -- time of that event
  chain BLOB NOT NULL CHECK (length(chain) = 32)            -- hash after that event
) STRICT, WITHOUT ROWID;

-- Everything that happened, in order.
CREATE TABLE event (
  run INTEGER NOT NULL REFERENCES run(number),     -- the run it belongs to
  sequence INTEGER NOT NULL CHECK (sequence > 0),  -- position in the run
  kind TEXT NOT NULL,                              -- run_begun, measured, step_ended, ...: which fields the body has
  dut TEXT NOT NULL,                               -- DUT id; empty: the run as a whole
  step TEXT NOT NULL,                              -- phase/step; empty: not inside a step
  iteration INTEGER NOT NULL,                      -- which repetition of the step, from 1
  attempt INTEGER NOT NULL,                        -- which attempt of that repetition, from 1
  monotonic_ns INTEGER NOT NULL,                   -- when, monotonic clock
  utc_ns INTEGER NOT NULL,                         -- when, UTC
  body TEXT NOT NULL CHECK (json_valid(body)),     -- the event's own fields as JSON; samples of a series are in series_chunk
  chain BLOB NOT NULL CHECK (length(chain) = 32),  -- SHA-256 over the hash before it and every column of this row
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_milestone ON event (run, kind) WHERE kind IN ('run_begun', 'run_ended');
CREATE INDEX event_clock ON event (run, kind)
  WHERE kind IN ('dut_planned', 'phase_ended', 'prompt_shown', 'prompt_answered', 'run_resumed');

-- One row per measured value.
CREATE TABLE measurement (
  run INTEGER NOT NULL REFERENCES run(number),  -- the run it belongs to
  sequence INTEGER NOT NULL,                    -- of its event
  name TEXT NOT NULL,                           -- what was measured: gpu.temperature.max
  component TEXT NOT NULL,                      -- kind of part: gpu, nvlink, leak_detector, whole_dut, ...
  part TEXT NOT NULL,                           -- name of the part; empty: the DUT itself
  value_type TEXT NOT NULL CHECK (value_type IN ('none', 'real', 'integer', 'boolean', 'text')),  -- which value_* holds it; none: the source had no value
  value_real REAL,                              -- a number; NULL with value_type real: not a number (NaN)
  value_integer INTEGER,                        -- a whole number, or 0 and 1 for a boolean
  value_text TEXT,                              -- a text
  unit TEXT NOT NULL,                           -- UCUM; empty: none
  outcome TEXT NOT NULL,                        -- pass, marginal, fail, unset, skipped, informational
  limit_text TEXT NOT NULL,                     -- the rule it was judged by; empty: not judged
  limit_source TEXT NOT NULL,                   -- document and page the rule comes from
  limits_revision INTEGER NOT NULL,             -- revision of the limits table
  margin REAL,                                  -- distance to the limit in percent of it, negative when violated; NULL: no scale
  reason TEXT NOT NULL,                         -- why it did not pass
  fault_code TEXT NOT NULL,                     -- for failures: leak.detected, ...
  action TEXT NOT NULL,                         -- for failures: what to do about the part
  source_kind TEXT NOT NULL,                    -- redfish, ssh, computed, operator, ...
  source_detail TEXT NOT NULL,                  -- URI, command, formula or prompt
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX measurement_by_name ON measurement (run, name, part);

-- One row per required check on one expected part: what the verdict must find a measurement for.
CREATE TABLE cell (
  run INTEGER NOT NULL REFERENCES run(number),  -- the run it belongs to
  sequence INTEGER NOT NULL,                    -- of its event
  step TEXT NOT NULL,                           -- phase/step that must measure it
  dut TEXT NOT NULL,                            -- DUT id
  measurement TEXT NOT NULL,                    -- name of the required measurement
  component TEXT NOT NULL,                      -- kind of part
  part TEXT NOT NULL,                           -- name of the part; empty: the DUT itself
  limit_text TEXT NOT NULL,                     -- the rule that will judge it
  unit TEXT NOT NULL,                           -- UCUM; empty: none
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;

-- Consecutive samples of one series.
CREATE TABLE series_chunk (
  run INTEGER NOT NULL REFERENCES run(number),  -- the run it belongs to
  sequence INTEGER NOT NULL,                    -- of its event
  dut TEXT NOT NULL,                            -- DUT id
  name TEXT NOT NULL,                           -- measurement name of the series
  part TEXT NOT NULL,                           -- name of the part; empty: the DUT itself
  unit TEXT NOT NULL,                           -- UCUM; empty: none
  sample_count INTEGER NOT NULL,                -- number of samples in the blob
  samples BLOB NOT NULL,                        -- times and values as little-endian floats; layout in store/series_codec.h
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX series_by_name ON series_chunk (run, dut, name, part);

-- Files attached to a run. The bytes lie beside the database: artifacts/<first two digits>/<the other digits>.
CREATE TABLE artifact (
  run INTEGER NOT NULL REFERENCES run(number),  -- the run it belongs to
  sequence INTEGER NOT NULL,                    -- of its event
  name TEXT NOT NULL,                           -- file name for people
  media_type TEXT NOT NULL,                     -- IANA media type: text/plain
  sha256 TEXT NOT NULL,                         -- of the bytes, hexadecimal; also where the file lies
  bytes INTEGER NOT NULL,                       -- size
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;

-- What people say about a rack outside of runs: when it arrived, what it waits for. A correction is a further row.
CREATE TABLE rack_note (
  number INTEGER PRIMARY KEY,      -- in the order of noting
  rack TEXT NOT NULL,              -- as `rack:` of its rack file says
  what TEXT NOT NULL CHECK (what IN ('arrived', 'waits_for_parts', 'waits_for_plant', 'waits_for_people', 'goes_on')),  -- what is said of it
  at_utc_ns INTEGER NOT NULL,      -- when it was so
  by_name TEXT NOT NULL,           -- who says so
  station TEXT NOT NULL,           -- where it was written down
  noted_utc_ns INTEGER NOT NULL    -- and when
) STRICT;

-- What the station has signed of its record: a cut tail, and a record written anew, do not fit it.
CREATE TABLE checkpoint (
  number INTEGER PRIMARY KEY,                   -- in the order of signing
  run INTEGER NOT NULL REFERENCES run(number),  -- whose record it is about
  envelope TEXT NOT NULL,                       -- DSSE in JSON: how many events there were, and the hash after the last
  written_utc_ns INTEGER NOT NULL               -- when it was written down
) STRICT;

-- What people have signed about runs, in one chain of hashes. Nothing is taken back: a withdrawal is a further row.
CREATE TABLE audit (
  number INTEGER PRIMARY KEY CHECK (number > 0),  -- from 1, without gaps, over all runs
  run INTEGER NOT NULL REFERENCES run(number),    -- what it is about
  statement TEXT NOT NULL,                        -- JSON, as it was signed: approve, reject, waive, countersign, withdraw
  signature TEXT NOT NULL,                        -- of the person, in OpenSSH's armoured form
  recorded_utc_ns INTEGER NOT NULL,               -- when the station wrote it down
  chain TEXT NOT NULL CHECK (length(chain) = 64), -- SHA-256 over the hash before it and the columns above, hexadecimal
  envelope TEXT NOT NULL                          -- DSSE in JSON: the station's signature over that hash
) STRICT;

-- For people: runs with what their first and last events say.
CREATE VIEW v_run AS
SELECT r.id AS run, strftime('%Y-%m-%dT%H:%M:%SZ', r.begun_utc_ns / 1000000000, 'unixepoch') AS begun,
       b.body ->> 'rack' AS rack, b.body ->> 'product' AS product, b.body ->> 'recipe' AS recipe,
       b.body ->> 'recipe_version' AS recipe_version, b.body ->> 'purpose' AS purpose,
       b.body ->> 'simulated' AS simulated, b.body ->> 'operator_name' AS operator,
       e.body ->> 'status' AS ended, h.sequence AS events
FROM run r JOIN head h ON h.run = r.number
LEFT JOIN event b ON b.run = r.number AND b.kind = 'run_begun'
LEFT JOIN event e ON e.run = r.number AND e.kind = 'run_ended';

-- For people: measurements with where and when.
CREATE VIEW v_measurement AS
SELECT r.id AS run, m.sequence, strftime('%Y-%m-%dT%H:%M:%fZ', e.utc_ns / 1000000000.0, 'unixepoch') AS at, e.dut, e.step,
       e.iteration, e.attempt, m.name, m.component, m.part, m.value_type,
       CASE m.value_type WHEN 'real' THEN coalesce(m.value_real, 'NaN') WHEN 'integer' THEN m.value_integer
                         WHEN 'boolean' THEN iif(m.value_integer, 'true', 'false') WHEN 'text' THEN m.value_text END AS value,
       m.unit, m.outcome, m.limit_text, m.margin, m.reason, m.fault_code, m.action, m.source_kind, m.source_detail
FROM measurement m JOIN event e ON e.run = m.run AND e.sequence = m.sequence JOIN run r ON r.number = m.run;

-- For people: required cells with every measurement that was made for them (none: the cell was not run).
CREATE VIEW v_cell AS
SELECT r.id AS run, c.dut, c.step, c.measurement, c.component, c.part, c.limit_text, c.unit, m.outcome, e.attempt, e.iteration,
       m.sequence
FROM cell c JOIN run r ON r.number = c.run
LEFT JOIN measurement m ON m.run = c.run AND m.name = c.measurement AND m.part = c.part
     AND EXISTS (SELECT 1 FROM event x WHERE x.run = m.run AND x.sequence = m.sequence AND x.dut = c.dut AND x.step = c.step)
LEFT JOIN event e ON e.run = m.run AND e.sequence = m.sequence;

-- Append-only: whoever tries to rewrite the record is told so.
CREATE TRIGGER run_no_update BEFORE UPDATE ON run BEGIN SELECT raise(ABORT, 'the record is append-only: run'); END;
CREATE TRIGGER run_no_delete BEFORE DELETE ON run BEGIN SELECT raise(ABORT, 'the record is append-only: run'); END;
CREATE TRIGGER head_forward_only BEFORE UPDATE ON head WHEN NEW.run <> OLD.run OR NEW.sequence <= OLD.sequence
BEGIN SELECT raise(ABORT, 'the record is append-only: head moves forward'); END;
CREATE TRIGGER head_no_delete BEFORE DELETE ON head BEGIN SELECT raise(ABORT, 'the record is append-only: head'); END;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'the record is append-only: event'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'the record is append-only: event'); END;
CREATE TRIGGER measurement_no_update BEFORE UPDATE ON measurement BEGIN SELECT raise(ABORT, 'the record is append-only: measurement'); END;
CREATE TRIGGER measurement_no_delete BEFORE DELETE ON measurement BEGIN SELECT raise(ABORT, 'the record is append-only: measurement'); END;
CREATE TRIGGER cell_no_update BEFORE UPDATE ON cell BEGIN SELECT raise(ABORT, 'the record is append-only: cell'); END;
CREATE TRIGGER cell_no_delete BEFORE DELETE ON cell BEGIN SELECT raise(ABORT, 'the record is append-only: cell'); END;
CREATE TRIGGER series_chunk_no_update BEFORE UPDATE ON series_chunk BEGIN SELECT raise(ABORT, 'the record is append-only: series_chunk'); END;
CREATE TRIGGER series_chunk_no_delete BEFORE DELETE ON series_chunk BEGIN SELECT raise(ABORT, 'the record is append-only: series_chunk'); END;
CREATE TRIGGER artifact_no_update BEFORE UPDATE ON artifact BEGIN SELECT raise(ABORT, 'the record is append-only: artifact'); END;
CREATE TRIGGER artifact_no_delete BEFORE DELETE ON artifact BEGIN SELECT raise(ABORT, 'the record is append-only: artifact'); END;
CREATE TRIGGER rack_note_no_update BEFORE UPDATE ON rack_note BEGIN SELECT raise(ABORT, 'the record is append-only: rack_note'); END;
CREATE TRIGGER rack_note_no_delete BEFORE DELETE ON rack_note BEGIN SELECT raise(ABORT, 'the record is append-only: rack_note'); END;
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint BEGIN SELECT raise(ABORT, 'the record is append-only: checkpoint'); END;
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint BEGIN SELECT raise(ABORT, 'the record is append-only: checkpoint'); END;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the record is append-only: audit'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the record is append-only: audit'); END;
