-- admin_limit_user(p_user_id, p_concurrency, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/acts.py as an admin
-- Gives somebody a number of slots of his own (0 to 1000), or that of everybody again (null): {user_id, concurrency, previous, dry_run}.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · user_not_found 404
create or replace function private.act_limit_user(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_slots integer := (p_request ->> 'concurrency')::integer;
  c private.user_controls;
begin
  if v_slots not between 0 and 1000 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "concurrency"}',
      hint = 'concurrency is a whole number from 0 to 1000, or null for that of everybody.';
  end if;
  perform private.check_reason(p_request ->> 'reason');
  if not exists (select from auth.users u where u.id = p_subject_id::uuid) then
    raise exception using errcode = 'PT404', message = 'user_not_found',
      detail = jsonb_build_object('user_id', p_subject_id)::text, hint = 'There is no such user.';
  end if;
  insert into private.user_controls (user_id) values (p_subject_id::uuid) on conflict do nothing;
  select * into strict c from private.user_controls x where x.user_id = p_subject_id::uuid for no key update;
  update private.user_controls x set user_concurrency = v_slots where x.user_id = c.user_id;
  return jsonb_build_object(
    'answer', jsonb_build_object('user_id', c.user_id, 'concurrency', v_slots, 'previous', c.user_concurrency),
    'before', jsonb_build_object('concurrency', c.user_concurrency), 'after', jsonb_build_object('concurrency', v_slots),
    'repeated', v_slots is not distinct from c.user_concurrency);
end
$$;

create or replace function private.admin_limit_user(p_user_id uuid, p_concurrency integer, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'limit_user', 'user', p_user_id::text,
    jsonb_build_object('concurrency', p_concurrency, 'reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_limit_user(p_user_id uuid, p_concurrency integer, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_limit_user(p_user_id, p_concurrency, p_reason, p_dry_run);
$$;

revoke all on function private.act_limit_user(text, jsonb), private.admin_limit_user(uuid, integer, text, boolean),
  public.admin_limit_user(uuid, integer, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_limit_user(uuid, integer, text, boolean), public.admin_limit_user(uuid, integer, text, boolean)
  to authenticated;
