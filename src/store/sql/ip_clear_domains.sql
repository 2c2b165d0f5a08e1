-- The domains of an address that goes send from the shared ones again; their check is due. Index on ip_id.
update domains set ip_id = null, next_check_at = $2, updated_at = $2 where ip_id = $1
