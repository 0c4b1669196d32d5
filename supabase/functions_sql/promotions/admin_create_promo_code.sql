-- admin_create_promo_code(p_code, p_credits, ..., p_bonus_percent, p_dry_run) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Makes a code, or its next version when it exists; past redemptions keep theirs, and uses go on counting. What equals the version that
-- counts now is that version: a repeat makes none. It gives p_credits, or adds p_bonus_percent to a purchase. Null: no bound, no cap,
-- credits that do not expire. What one user can get by it is no more than its maker may add to him alone (role_limits); off it may be anything.
-- Lock order: the admin's role, promo code, audit log.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_amount 400 · invalid_params 422 · limit_exceeded 403
drop function if exists public.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean, integer);
drop function if exists private.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean, integer);
create or replace function private.act_create_promo_code(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_code text := p_subject_id;
  v_credits bigint := (p_request ->> 'credits')::bigint;
  v_credits_last_days integer := (p_request ->> 'credits_last_days')::integer;
  v_valid_from timestamptz := (p_request ->> 'valid_from')::timestamptz;
  v_valid_until timestamptz := (p_request ->> 'valid_until')::timestamptz;
  v_max_uses bigint := (p_request ->> 'max_uses')::bigint;
  v_max_uses_per_user integer := (p_request ->> 'max_uses_per_user')::integer;
  v_active boolean := (p_request ->> 'active')::boolean;
  v_bonus_percent integer := (p_request ->> 'bonus_percent')::integer;
  v_field text := case
    when v_code is null or v_code !~ '^[A-Z0-9][A-Z0-9_-]{2,39}$' then 'code'
    when (v_credits is null) = (v_bonus_percent is null) or v_bonus_percent not between 1 and 500 then 'bonus_percent'
    when v_credits_last_days not between 1 and 3650 then 'credits_last_days'
    when not isfinite(v_valid_from) then 'valid_from'
    when not isfinite(v_valid_until) or v_valid_from >= v_valid_until then 'valid_until'
    when v_max_uses < 1 then 'max_uses'
    when v_max_uses_per_user is null or v_max_uses_per_user < 1 then 'max_uses_per_user'
    when v_active is null then 'active'
  end;
  v_limits private.role_limits;
  v_before jsonb;
  v private.promo_code_versions;
begin
  if v_credits is not null then
    perform private.check_amount(v_credits);
  end if;
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_field)::text,
      hint = 'A code has 3 to 40 letters, digits, - or _; it gives credits, or 1 to 500 percent of a purchase; credits last 1 to 3650 days; '
        'valid_from lies before valid_until; caps are above zero.';
  end if;
  v_limits := private.lock_limits();
  if v_active and v_credits * v_max_uses_per_user > coalesce(v_limits.per_act, 0) then
    raise exception using errcode = 'PT403', message = 'limit_exceeded',
      detail = jsonb_build_object('amount', v_credits * v_max_uses_per_user, 'per_act', coalesce(v_limits.per_act, 0))::text,
      hint = format('By a code of yours one user may get at most %s credits, which is what your role may add alone.', coalesce(v_limits.per_act, 0));
  end if;
  insert into private.promo_codes (code, version, created_at) values (v_code, 1, private.clock()) on conflict do nothing;
  perform private.lock_promo_code(v_code);
  select x.* into v from private.promo_code_versions x where x.code = v_code order by x.version desc limit 1;
  v_before := case when v.code is not null then to_jsonb(v) end;
  if v.code is null or (v.credits, v.bonus_percent, v.credits_last_days, v.valid_from, v.valid_until, v.max_uses, v.max_uses_per_user, v.active)
    is distinct from (v_credits, v_bonus_percent, v_credits_last_days, v_valid_from, v_valid_until, v_max_uses, v_max_uses_per_user, v_active) then
    insert into private.promo_code_versions (code, version, credits, bonus_percent, credits_last_days, valid_from, valid_until, max_uses,
      max_uses_per_user, active, created_by, created_at)
    values (v_code, coalesce(v.version, 0) + 1, v_credits, v_bonus_percent, v_credits_last_days, v_valid_from, v_valid_until, v_max_uses,
      v_max_uses_per_user, v_active, auth.uid(), private.clock())
    returning * into v;
    update private.promo_codes x set version = v.version where x.code = v_code;
  end if;
  return jsonb_build_object('answer', private.promo_code_json(v), 'before', v_before, 'after', to_jsonb(v),
    'repeated', v.version = (v_before ->> 'version')::integer);
end
$$;

create or replace function private.admin_create_promo_code(
  p_code text, p_credits bigint, p_credits_last_days integer, p_valid_from timestamptz, p_valid_until timestamptz,
  p_max_uses bigint, p_max_uses_per_user integer, p_active boolean, p_bonus_percent integer, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'create_promo_code', 'promo_code', upper(btrim(p_code)), jsonb_build_object(
    'credits', p_credits, 'credits_last_days', p_credits_last_days, 'valid_from', p_valid_from, 'valid_until', p_valid_until,
    'max_uses', p_max_uses, 'max_uses_per_user', p_max_uses_per_user, 'active', p_active, 'bonus_percent', p_bonus_percent), p_dry_run);
$$;

create or replace function public.admin_create_promo_code(
  p_code text, p_credits bigint default null, p_credits_last_days integer default null, p_valid_from timestamptz default null,
  p_valid_until timestamptz default null, p_max_uses bigint default null, p_max_uses_per_user integer default 1,
  p_active boolean default true, p_bonus_percent integer default null, p_dry_run boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.admin_create_promo_code(
    p_code, p_credits, p_credits_last_days, p_valid_from, p_valid_until, p_max_uses, p_max_uses_per_user, p_active, p_bonus_percent,
    p_dry_run);
end
$$;

revoke all on function private.act_create_promo_code(text, jsonb),
  private.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean, integer, boolean),
  public.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean, integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  private.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean, integer, boolean),
  public.admin_create_promo_code(text, bigint, integer, timestamptz, timestamptz, bigint, integer, boolean, integer, boolean) to authenticated;
