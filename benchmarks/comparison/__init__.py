"""How `side_by_side` measures: CPU time of processes, durable work, requests, and the page that shows all."""
