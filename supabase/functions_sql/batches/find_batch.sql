-- find_batch(p_batch_id, p_user_id) -> batches      called by: user operations on one batch
-- One of the user's batches; another user's is not found. Refuses: batch_not_found 404
create or replace function private.find_batch(p_batch_id uuid, p_user_id uuid)
returns public.batches
language plpgsql
stable
set search_path = ''
as $$
declare
  b public.batches;
begin
  select * into b from public.batches x where x.id = p_batch_id and x.user_id = p_user_id;
  if not found then
    raise exception using errcode = 'PT404', message = 'batch_not_found',
      detail = jsonb_build_object('batch_id', p_batch_id)::text, hint = 'There is no such batch.';
  end if;
  return b;
end
$$;

revoke all on function private.find_batch(uuid, uuid) from public, anon, authenticated, service_role;
