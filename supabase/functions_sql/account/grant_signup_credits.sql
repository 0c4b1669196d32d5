-- grant_signup_credits(p_wallet_id) -> void      called by: ensure_account
-- Gives a new wallet private.settings.signup_credits, once.
create or replace function private.grant_signup_credits(p_wallet_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_credits bigint;
begin
  select s.signup_credits into v_credits from private.settings s;
  if v_credits = 0 then
    return;
  end if;
  perform private.post_grant(
    private.lock_wallet(p_wallet_id), v_credits, 'signup', null, 'system:signup', 'Welcome credits', null,
    'signup', private.request_digest('signup', to_jsonb(p_wallet_id)));
end
$$;

revoke all on function private.grant_signup_credits(uuid) from public, anon, authenticated, service_role;
