-- check_giver(w, p_user_id, p_email, p_credits) -> void      called by: gift_credits
-- Whether somebody may give this much now. w is locked, so that parallel gifts count each other.
-- Refuses, first match wins: feature_disabled 403 · forbidden 403 · invalid_params 422 · invalid_amount 400 · rate_limited 429
create or replace function private.check_giver(w public.wallets, p_user_id uuid, p_email text, p_credits bigint)
returns void
language plpgsql
set search_path = ''
as $$
declare
  s private.settings;
  u record;
  v_day record;
begin
  select * into strict s from private.settings;
  select lower(x.email) as email, coalesce(x.banned_until > private.clock(), false) as banned into strict u
  from auth.users x where x.id = p_user_id;
  if s.gift_max_credits = 0 then
    raise exception using errcode = 'PT403', message = 'feature_disabled', detail = '{"feature": "gifts"}',
      hint = 'Gifts are switched off at the moment.';
  elsif u.banned then
    raise exception using errcode = 'PT403', message = 'forbidden', hint = 'A suspended account can''t give credits.';
  elsif u.email = p_email then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "email"}',
      hint = 'You can''t give credits to yourself.';
  elsif p_credits > s.gift_max_credits then
    raise exception using errcode = 'PT400', message = 'invalid_amount',
      detail = jsonb_build_object('amount', p_credits, 'max', s.gift_max_credits)::text,
      hint = format('A gift has at most %s credits.', s.gift_max_credits);
  end if;
  select coalesce(sum(g.credits), 0) as credits, count(*) as gifts,
    ceil(extract(epoch from min(g.created_at) + interval '24 hours' - private.clock()))::bigint as retry_after into v_day
  from private.gifts g where g.wallet_id = w.id and g.created_at > private.clock() - interval '24 hours';
  if v_day.credits + p_credits > s.gift_daily_credits or v_day.gifts >= s.gift_daily_count then
    raise exception using errcode = 'PT429', message = 'rate_limited',
      detail = jsonb_build_object('given', v_day.credits, 'gifts', v_day.gifts, 'max_credits', s.gift_daily_credits,
        'max_gifts', s.gift_daily_count, 'retry_after', coalesce(v_day.retry_after, 86400))::text,
      hint = format('You can make %s gifts of together %s credits within 24 hours.', s.gift_daily_count, s.gift_daily_credits);
  end if;
end
$$;

revoke all on function private.check_giver(public.wallets, uuid, text, bigint) from public, anon, authenticated, service_role;
