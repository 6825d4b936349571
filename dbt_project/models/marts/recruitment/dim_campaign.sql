with campaigns as (
    select * from {{ source('reference', 'campaign') }}
),

final as (
    select
        id as campaign_id,
        {{ as_bigint('company_id') }} as company_id,
        campaign_name,
        campaign_status as status,
        unit_budget as budget_unit,
        pacing_unit,
        {{ as_boolean('is_active') }} as is_active,
        {{ as_numeric('budget_total') }} as budget_total,
        {{ as_numeric('number_of_pacing') }} as number_of_pacing,
        {{ as_numeric('bid_set') }} as bid_set,
        {{ as_timestamptz('created_date') }} as created_at,
        {{ as_timestamptz('start_date') }} as start_at,
        {{ as_timestamptz('end_date') }} as end_at,
        {{ as_timestamptz('close_date') }} as close_at,
        loaded_at,
        removed_at
    from campaigns
)

select * from final
