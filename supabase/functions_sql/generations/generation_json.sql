-- generation_json(g) -> jsonb      called by: user operations on generations
-- A generation as its owner sees it; waiting: queued, until another of the user's generations ends. The same through PostgREST and through Flask, which only adds signed URLs to outputs.
create or replace function private.generation_json(g public.generations)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'id', g.id, 'status', g.status, 'waiting', coalesce(g.dispatch_at = 'infinity', false), 'model', g.model_id, 'prompt', g.prompt, 'params', g.params,
    'presets', coalesce(g.presets, '[]'),
    'credits', jsonb_build_object('reserved', g.credits_reserved, 'charged', g.credits_charged),
    'progress', g.progress, 'outputs', g.outputs,
    'error', case when g.error_code is not null and g.status in ('failed', 'canceled')
      then jsonb_build_object('code', g.error_code, 'message', g.error_message) end,
    'cancel_requested', g.cancel_requested, 'batch_id', g.batch_id, 'attempt', g.attempt,
    'created_at', private.rfc3339(g.created_at), 'started_at', private.rfc3339(g.started_at),
    'finished_at', private.rfc3339(g.finished_at));
end
$$;

revoke all on function private.generation_json(public.generations) from public, anon, authenticated, service_role;
