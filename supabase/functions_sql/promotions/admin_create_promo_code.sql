-- admin_create_promo_code(p_code, p_credits, ...) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Makes a code, or its next version when it exists; past redemptions keep theirs, and uses go on counting. What equals the version that
-- counts now is that version: a repeat makes none. Null: no bound, no cap, credits that do not expire.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_amount 400 · invalid_params 422
create or replace function private.admin_create_promo_code(
  p_code text, p_credits bigint, p_credits_last_days integer, p_valid_from timestamptz, p_valid_until timestamptz,
  p_max_uses bigint, p_max_uses_per_user integer, p_active boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_code text := upper(btrim(p_code));
  v_field text := case
    when v_code is null or v_code !~ '^[A-Z0-9][A-Z0-9_-]{2,39}$' then 'code'
    when p_credits_last_days not between 1 and 3650 then 'credits_last_days'
    when not isfinite(p_valid_from) then 'valid_from'
    when not isfinite(p_valid_until) or p_valid_from >= p_valid_until then 'valid_until'
    when p_max_uses < 1 then 'max_uses'
    when p_max_uses_per_user is null or p_max_uses_per_user < 1 then 'max_uses_per_user'
    when p_active is null then 'active'
  end;
  v_uses bigint;
  v private.promo_code_versions;
begin
  perform private.require_role('admin');
  perform private.check_amount(p_credits);
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_field)::text,
      hint = 'A code has 3 to 40 letters, digits, - or _; credits last 1 to 3650 days; valid_from lies before valid_until; caps are above zero.';
  end if;
  insert into private.promo_codes (code, version, created_at) values (v_code, 1, private.clock()) on conflict do nothing;
  select x.uses into strict v_uses from private.promo_codes x where x.code = v_code for no key update;
  select x.* into v from private.promo_code_versions x where x.code = v_code order by x.version desc limit 1;
  if v.code is null or (v.credits, v.credits_last_days, v.valid_from, v.valid_until, v.max_uses, v.max_uses_per_user, v.active)
    is distinct from (p_credits, p_credits_last_days, p_valid_from, p_valid_until, p_max_uses, p_max_uses_per_user, p_active) then
    insert into private.promo_code_versions (code, version, credits, credits_last_days, valid_from, valid_until, max_uses,
      max_uses_per_user, active, created_by, created_at)
    values (v_code, coalesce(v.version, 0) + 1, p_credits, p_credits_last_days, p_valid_from, p_valid_until, p_max_uses,
      p_max_uses_per_user, p_active, auth.uid(), private.clock())
    returning * into v;
    update private.promo_codes x set version = v.version where x.code = v_code;
  end if;
  return jsonb_build_object('code', v.code, 'version', v.version, 'credits', v.credits, 'credits_last_days', v.credits_last_days,
    'valid_from', private.rfc3339(v.valid_from), 'valid_until', private.rfc3339(v.valid_until), 'max_uses', v.max_uses,
    'max_uses_per_user', v.max_uses_per_user, 'active', v.active, 'uses', v_uses, 'created_at', private.rfc3339(v.created_at));
end
$$;

create or replace function public.admin_create_promo_code(
  p_code text, p_credits bigint, p_credits_last_days integer default null, p_valid_from timestamptz default null,
  p_valid_until timestamptz default null, p_max_uses bigint default null, p_max_uses_per_user integer default 1,
  p_active boolean default true)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.admin_create_promo_code(
    p_code, p_credits, p_credits_last_days, p_valid_from, p_valid_until, p_max_uses, p_max_uses_per_user, p_active);
end
$$;

revoke all on function
  private.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean),
  public.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  private.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean),
  public.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean) to authenticated;
