UPDATE work SET number = number + 1 WHERE id = :client_id;
