-- promote_waiting(p_user_id, p_dispatch_at) -> jsonb      called by: whatever ends a generation, list_dispatchable
-- Gives the user's free slots to those that wait, single ones first, then the oldest: [{id, attempt, queue}]. The dispatcher may hand them
-- on at p_dispatch_at. The caller holds the wallet's lock.
-- It waits for no generation, because generations are locked before wallets: one that somebody else holds is passed over, and if that
-- leaves a slot free, list_dispatchable finds it.
create or replace function private.promote_waiting(p_user_id uuid, p_dispatch_at timestamptz)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_free integer;
  v_next jsonb;
begin
  if not exists (
    select from public.generations g where g.user_id = p_user_id and g.status = 'queued' and g.dispatch_at = 'infinity')
  then
    return '[]';
  end if;
  v_free := greatest(0, private.free_slots(p_user_id));
  with oldest as (
    select g.id from public.generations g
    where g.user_id = p_user_id and g.status = 'queued' and g.dispatch_at = 'infinity'
    order by g.batch_id is not null, g.created_at, g.batch_index, g.id limit v_free
    for no key update skip locked
  ), promoted as (
    update public.generations g set dispatch_at = p_dispatch_at from oldest where g.id = oldest.id
    returning g.id, g.attempt, g.batch_id, g.batch_index, g.created_at
  )
  select coalesce(jsonb_agg(private.queue_entry(p.id, p.attempt, p.batch_id)
    order by p.batch_id is not null, p.created_at, p.batch_index, p.id), '[]') into v_next
  from promoted p;
  return v_next;
end
$$;

revoke all on function private.promote_waiting(uuid, timestamptz) from public, anon, authenticated, service_role;
