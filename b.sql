BEGIN;
UPDATE work SET number = number + 1 WHERE id = :client_id;
\sleep 2 ms
COMMIT;
