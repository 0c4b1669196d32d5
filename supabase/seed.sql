-- Development data, run by scripts/start and by `supabase db reset`: models that misbehave on purpose.
insert into public.models (
  id, provider, kind, title, description, base_credits, unit, unit_credits, max_credits, timeout_seconds, max_attempts, params_schema)
values
  ('local/always-fails', 'local', 'image', 'Local failure', 'Fails every time, on purpose: shows that credits come back.',
   5, null, 0, 5, 120, 3, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "code": {"type": "string", "enum": ["provider_failed", "content_refused", "provider_bad_answer"], "default": "provider_failed", "description": "The error code to fail with."}
     }}$json$),
  ('local/flaky', 'local', 'image', 'Local flake', 'Fails with a passing error for the first attempts, then draws a picture: shows retries on one hold.',
   2, null, 0, 2, 120, 4, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "fail_times": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1, "description": "How many attempts fail before one succeeds."},
       "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295}
     }}$json$),
  ('local/slow', 'local', 'image', 'Local slow motion', 'Takes the seconds you ask for, reports progress and can be cancelled.',
   0, 'seconds', 1, 60, 120, 3, $json${
     "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
     "properties": {
       "seconds": {"type": "integer", "minimum": 1, "maximum": 60, "default": 3, "description": "How long to take."},
       "seed": {"type": "integer", "minimum": 0, "maximum": 4294967295}
     }}$json$)
on conflict (id) do nothing;
