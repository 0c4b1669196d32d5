-- admin_set_role(p_user_id, p_role, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/admin.py as an owner
-- Gives somebody the role support, admin or owner, or takes it away (null): {user_id, role, previous, dry_run}. What is so already stays so
-- and is not written again. A role that was taken away opens nothing any more, whatever the token claims.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 · user_suspended 403 · user_not_found 404 ·
--   last_owner 409
create or replace function private.act_set_role(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_role text := p_request ->> 'role';
  v_before text;
begin
  if v_role not in ('support', 'admin', 'owner') then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "role"}',
      hint = 'role is support, admin or owner, or null to take it away.';
  end if;
  perform private.check_reason(p_request ->> 'reason');
  if v_role is not null then
    perform private.check_not_suspended(p_subject_id::uuid);
  end if;
  v_before := private.change_role(p_subject_id::uuid, v_role);
  return jsonb_build_object(
    'answer', jsonb_build_object('user_id', p_subject_id, 'role', v_role, 'previous', v_before),
    'before', jsonb_build_object('role', v_before), 'after', jsonb_build_object('role', v_role),
    'repeated', v_before is not distinct from v_role);
end
$$;

create or replace function private.admin_set_role(p_user_id uuid, p_role text, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('owner', 'set_role', 'user', p_user_id::text, jsonb_build_object('role', p_role, 'reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_set_role(p_user_id uuid, p_role text, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_set_role(p_user_id, p_role, p_reason, p_dry_run);
$$;

revoke all on function private.act_set_role(text, jsonb), private.admin_set_role(uuid, text, text, boolean),
  public.admin_set_role(uuid, text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_set_role(uuid, text, text, boolean), public.admin_set_role(uuid, text, text, boolean)
  to authenticated;
