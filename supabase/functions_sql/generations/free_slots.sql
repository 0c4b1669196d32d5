-- free_slots(p_user_id) -> integer      called by: create_generation, promote_waiting, list_dispatchable
-- How many more of the user's generations may be before the workers; below zero after the setting was lowered. A slot is held while a
-- generation runs, is in the queue, or pauses before a retry. The wallet's lock, under which every generation begins and ends, makes it final.
create or replace function private.free_slots(p_user_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
begin
  return coalesce((select c.user_concurrency from private.user_controls c where c.user_id = p_user_id),
    (select s.user_concurrency from private.settings s)) - (
    select count(*) from public.generations g
    where g.user_id = p_user_id and g.status in ('queued', 'running') and g.dispatch_at is distinct from 'infinity');
end
$$;

revoke all on function private.free_slots(uuid) from public, anon, authenticated, service_role;
