-- admin_suspend_user(p_user_id, p_suspended, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/acts.py as an admin
-- Suspends somebody, or restores (false): {user_id, suspended, previous, dry_run}. Who is suspended can't reserve credits any more, at once, and
-- can't sign in or renew a session: Supabase Auth calls him banned. What runs already ends as it would. Who has a role loses it first.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · user_not_found 404 · invalid_state 409
create or replace function private.act_suspend_user(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_suspended boolean := (p_request ->> 'suspended')::boolean;
  v_user_id uuid;
  v_before boolean;
begin
  if v_suspended is null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "suspended"}',
      hint = 'suspended is true or false.';
  end if;
  perform private.check_reason(p_request ->> 'reason');
  select u.id, coalesce(u.banned_until > private.clock(), false) into v_user_id, v_before
  from auth.users u where u.id = p_subject_id::uuid for no key update;
  if v_user_id is null then
    raise exception using errcode = 'PT404', message = 'user_not_found',
      detail = jsonb_build_object('user_id', p_subject_id)::text, hint = 'There is no such user.';
  end if;
  if v_suspended and exists (select from private.user_roles r where r.user_id = v_user_id) then
    raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('user_id', v_user_id)::text,
      hint = 'This user has a role: an owner must take it away first.';
  end if;
  if v_suspended <> v_before then
    update auth.users u set banned_until = case when v_suspended then private.clock() + interval '100 years' end where u.id = v_user_id;
  end if;
  return jsonb_build_object(
    'answer', jsonb_build_object('user_id', v_user_id, 'suspended', v_suspended, 'previous', v_before),
    'before', jsonb_build_object('suspended', v_before), 'after', jsonb_build_object('suspended', v_suspended),
    'repeated', v_suspended = v_before);
end
$$;

create or replace function private.admin_suspend_user(p_user_id uuid, p_suspended boolean, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'suspend_user', 'user', p_user_id::text,
    jsonb_build_object('suspended', p_suspended, 'reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_suspend_user(p_user_id uuid, p_suspended boolean, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_suspend_user(p_user_id, p_suspended, p_reason, p_dry_run);
$$;

revoke all on function private.act_suspend_user(text, jsonb), private.admin_suspend_user(uuid, boolean, text, boolean),
  public.admin_suspend_user(uuid, boolean, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_suspend_user(uuid, boolean, text, boolean),
  public.admin_suspend_user(uuid, boolean, text, boolean) to authenticated;
