-- request_batch_archive(p_batch_id) -> jsonb      called by: backend/rpc/batches.py as the user
-- Asks for a file with everything that has succeeded so far; returns the batch. archive.status is `building` when a worker is to be told,
-- also when an earlier worker may have died over it, and `ready` when the file that is there holds it all.
-- Refuses, first match wins: unauthenticated 401 · batch_not_found 404 · invalid_state 409 (nothing has succeeded)
create or replace function private.request_batch_archive(p_batch_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  b public.batches := private.find_batch(p_batch_id, v_user_id);
  v_succeeded integer := (select count(*) from private.last_tries(b.id) g where g.status = 'succeeded');
begin
  if v_succeeded = 0 then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('succeeded', 0)::text,
      hint = 'Nothing of this batch has succeeded yet.';
  end if;
  update public.batches x
  set archive_status = 'building', archive_error = null, archive_asked_at = private.clock()
  where x.id = b.id and (x.archive_status is distinct from 'ready' or x.archive_items <> v_succeeded);
  return private.batch_json(private.find_batch(b.id, v_user_id));
end
$$;

create or replace function public.request_batch_archive(p_batch_id uuid)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.request_batch_archive(p_batch_id);
end
$$;

revoke all on function private.request_batch_archive(uuid), public.request_batch_archive(uuid) from public, anon, authenticated, service_role;
grant execute on function private.request_batch_archive(uuid), public.request_batch_archive(uuid) to authenticated;
